"""Forward hooks that apply inserted gates.

The hooks are functions of this module, not closures, so that the network can be copied, pickled and compiled.
"""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.inserted import get_gate
from foveal.variant_names import GATE_MODULE_NAME


def _apply_gate(module: nn.Module, _: tuple[object, ...], output: Tensor) -> Tensor:
    """Return the output of `module`, weighted by its gate."""
    gate: nn.Module = getattr(module, GATE_MODULE_NAME)
    weighted: Tensor = gate(output)
    return weighted


def reattach_gate_hooks(model: nn.Module, _: tuple[object, ...]) -> None:
    """Register every missing gate hook.

    A conversion that rebuilds a module keeps its children, such as the gate, but loses its hooks.
    """
    for module in model.modules():
        if get_gate(module) is not None and _apply_gate not in module._forward_hooks.values():
            module.register_forward_hook(_apply_gate)


def remove_gate_hooks(module: nn.Module) -> None:
    """Remove the gate hooks of a module, whichever handle registered them."""
    for key in [key for key, hook in module._forward_hooks.items() if hook is _apply_gate]:
        del module._forward_hooks[key]
