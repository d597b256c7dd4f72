"""Attribution of work: the module, and the function it calls, that a running forward pass is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from foveal.attention.inserted import is_leaf
from foveal.cost.ablation import find_outermost_gates

# Names of operators with the prefix of their in-place or reflected form.
_PREFIXED_OPERATORS: Final = {
    "iadd", "radd", "imul", "rmul", "isub", "rsub", "itruediv", "rtruediv", "rmatmul",
}  # fmt: skip


class Frame(NamedTuple):
    """A module by its name, and a function that it calls; None stands for the module itself."""

    module: str
    function: str | None = None


@dataclass
class FrameStats:
    """Calls and outputs of a frame.

    `shapes` are the output shapes of the first call, then every other shape that a later call returned.
    `output_numel` is the number of output elements of all calls.
    """

    calls: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    output_numel: int = 0

    def add_call(self, output: object) -> None:
        """Add one call with its output."""
        self.calls += 1
        tensors = _list_tensors(output)
        self.output_numel += sum(tensor.numel() for tensor in tensors)
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        if self.calls == 1:
            self.shapes = shapes
        else:
            self.shapes += tuple(shape for shape in shapes if shape not in self.shapes)


@dataclass(frozen=True)
class GateCall:
    """Input and output of one gate call, kept alive so that their storage addresses are not reused."""

    input: Tensor
    output: Tensor


class FrameTracker(TorchFunctionMode):
    """Tracker of the current frame of a forward pass; `stats` is in the order of execution.

    A function gets a frame of its own if a module with children calls it, because the module's children
    have frames too. Functions of a module without children belong to the module's frame.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.module_names = {module: name for name, module in model.named_modules()}
        self.leaf_names = {name for module, name in self.module_names.items() if is_leaf(module)}
        self.gates = [model.get_submodule(name) for name in find_outermost_gates(model)]
        self.stack: list[Frame] = []
        self.stats: dict[Frame, FrameStats] = {}
        self.gate_calls: dict[str, list[GateCall]] = {}

    @property
    def current(self) -> Frame:
        """The innermost frame."""
        return self.stack[-1] if self.stack else Frame("")

    def enter_module(self, module: nn.Module, _: object) -> None:
        """Begin a call of a module."""
        if module in self.module_names:
            self.stack.append(Frame(self.module_names[module]))
            self.stats.setdefault(self.current, FrameStats())

    def leave_module(self, module: nn.Module, _: object, output: object) -> None:
        """End a call of a module, whether it returned or raised."""
        if module in self.module_names:
            self.stats[self.stack.pop()].add_call(output)

    def record_gate_call(self, gate: nn.Module, args: Any, kwargs: Any, output: object) -> None:
        """Record the input and output of a gate."""
        inputs = _list_tensors((args, kwargs))
        if inputs and isinstance(output, Tensor):
            # Detached: a recorded tensor must not keep its graph alive.
            call = GateCall(inputs[0].detach(), output.detach())
            self.gate_calls.setdefault(self.module_names[gate], []).append(call)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Run a function in a frame of its own if a module with children calls it."""
        kwargs = kwargs or {}
        caller = self.current
        if caller.function is not None or caller.module in self.leaf_names:
            return func(*args, **kwargs)
        name = _normalize_function_name(getattr(func, "__name__", str(func)))
        self.stack.append(Frame(caller.module, name))
        try:
            output = func(*args, **kwargs)
            self.stats.setdefault(self.current, FrameStats()).add_call(output)
        finally:
            self.stack.pop()
        return output

    @contextmanager
    def track(self) -> Iterator[FrameTracker]:
        """Track the modules and functions that run in this block."""
        hooks = [
            register_module_forward_pre_hook(self.enter_module),
            register_module_forward_hook(self.leave_module, always_call=True),
            # On the gates of the copy: a global hook that asks for keyword arguments leaves a trace in torch.
            *(
                gate.register_forward_hook(self.record_gate_call, with_kwargs=True)
                for gate in self.gates
            ),
        ]
        try:
            with self:
                yield self
        finally:
            for hook in hooks:
                hook.remove()


def _list_tensors(values: object) -> list[Tensor]:
    """Return all tensors in nested containers."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _normalize_function_name(name: str) -> str:
    """Return the name of a function without the marks of operators and in-place variants.

    >>> [_normalize_function_name(name) for name in ("__iadd__", "add_", "flatten")]
    ['add', 'add', 'flatten']
    """
    bare = name.strip("_")
    return bare[1:] if bare in _PREFIXED_OPERATORS else bare


def get_storage_key(tensor: Tensor) -> int:
    """Return a number that identifies the tensor's storage, on any device, as long as the storage exists."""
    return int(tensor.untyped_storage()._cdata)
