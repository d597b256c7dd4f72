"""Forward hooks that apply inserted gates.

The hooks are functions of this module, not closures, so that the network can be copied, pickled and compiled.
"""

from __future__ import annotations

from torch import Tensor, nn

from foveal.attention.inserted import get_gate, weights_input
from foveal.variant_names import GATE_MODULE_NAME


def _apply_gate(module: nn.Module, _: tuple[object, ...], output: Tensor) -> Tensor:
    """Return the output of `module`, weighted by its gate."""
    gate: nn.Module = getattr(module, GATE_MODULE_NAME)
    weighted: Tensor = gate(output)
    return weighted


def _apply_gate_to_input(module: nn.Module, args: tuple[object, ...]) -> tuple[object, ...]:
    """Return the arguments of `module`, the first of them weighted by its gate."""
    gate: nn.Module = getattr(module, GATE_MODULE_NAME)
    return (gate(args[0]), *args[1:])


def reattach_gate_hooks(model: nn.Module, _: tuple[object, ...]) -> None:
    """Register every missing gate hook.

    A conversion that rebuilds a module keeps its children, such as the gate, but loses its hooks.
    """
    for module in model.modules():
        gate = get_gate(module)
        if gate is None:
            continue
        if weights_input(gate):
            if _apply_gate_to_input not in module._forward_pre_hooks.values():
                module.register_forward_pre_hook(_apply_gate_to_input)
        elif _apply_gate not in module._forward_hooks.values():
            module.register_forward_hook(_apply_gate)


def remove_gate_hooks(module: nn.Module) -> None:
    """Remove the gate hooks of a module, whichever handle registered them."""
    for hooks in (module._forward_hooks, module._forward_pre_hooks):
        for key in [k for k, hook in hooks.items() if hook in (_apply_gate, _apply_gate_to_input)]:
            del hooks[key]
