"""Forward hooks that apply inserted gates.

The hooks are objects of this module, not closures, so that a network can be copied, pickled and compiled. A
hook has its gate: a conversion that takes the hooks of a module along, but not its children, keeps the gate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy, Tracer

from foveal.attention.inserted import weights_input
from foveal.variant_names import GATE_MODULE_NAME


class GateHook:
    """Forward hook that applies the gate of a module to its output."""

    def __init__(self, gate: nn.Module) -> None:
        self.gate = gate

    def __call__(self, module: nn.Module, _: object, output: Tensor) -> Tensor:
        """Return the output of `module`, weighted by its gate."""
        weighted: Tensor = _run_gate(_get_gate_for_call(module, self.gate), output)
        return weighted


class InputGateHook:
    """Forward pre-hook that applies the gate of a module to its first argument."""

    def __init__(self, gate: nn.Module) -> None:
        self.gate = gate

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of `module`, the first of them weighted by its gate."""
        return (_run_gate(_get_gate_for_call(module, self.gate), args[0]), *args[1:])


def _run_gate(gate: nn.Module, x: Tensor | Proxy) -> Any:
    """Return the output of a gate; in a trace of torch.fx it is one call of a module, as a layer of torch."""
    if isinstance(x, Proxy):
        tracer = x.tracer
        assert isinstance(tracer, Tracer)
        return tracer.create_proxy("call_module", tracer.path_of_module(gate), (x,), {})
    return gate(x)


def _get_gate_for_call(module: nn.Module, gate: nn.Module) -> nn.Module:
    """Return the gate that is a child of `module`, by default `gate`, which becomes its child.

    The two differ in the replicas of a network that `DataParallel` makes.
    """
    child = module._modules.get(GATE_MODULE_NAME)
    if child is not None:
        return child
    if not torch.compiler.is_compiling():
        module.add_module(GATE_MODULE_NAME, gate)
    return gate


def attach_gate(module: nn.Module, gate: nn.Module) -> None:
    """Make `gate` a child of `module` and register its hook, unless both are there already."""
    if module._modules.get(GATE_MODULE_NAME) is not gate:
        module.add_module(GATE_MODULE_NAME, gate)
    if not has_gate_hook(module, gate):
        if weights_input(gate):
            module.register_forward_pre_hook(InputGateHook(gate))
        else:
            module.register_forward_hook(GateHook(gate))


def has_gate_hook(module: nn.Module, gate: nn.Module) -> bool:
    """Return True if a hook of `module` applies `gate`."""
    hooks = module._forward_pre_hooks if weights_input(gate) else module._forward_hooks
    kind = InputGateHook if weights_input(gate) else GateHook
    return any(isinstance(hook, kind) and hook.gate is gate for hook in hooks.values())


def remove_gate_hooks(module: nn.Module, gates: set[nn.Module]) -> None:
    """Remove the hooks of a module that apply these gates, whichever handle registered them."""
    for hooks in (module._forward_hooks, module._forward_pre_hooks):
        remove_hooks(hooks, lambda hook: getattr(hook, "gate", None) in gates)


def remove_hooks(hooks: dict[int, Any], is_removed: Callable[[Any], bool]) -> None:
    """Remove the hooks for which the predicate is true from a dict of a module."""
    for key in [key for key, hook in hooks.items() if is_removed(hook)]:
        del hooks[key]
