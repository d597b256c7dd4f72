"""Which module of a network is at work, and which function it calls, while the network runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from foveal.attention.inserted import has_no_parts
from foveal.cost.ablation import outermost_gates

SWAPPED = {"iadd", "radd", "imul", "rmul", "isub", "rsub", "itruediv", "rtruediv", "rmatmul"}


class Frame(NamedTuple):
    """A module by its name, and the function that it calls; None for the module itself."""

    module: str
    function: str | None = None


@dataclass
class Seen:
    """What was seen of a frame: how often it ran, and what it gave.

    `shapes` are those of the first call, and others that a later one gave; `numbers` is how many numbers
    all calls gave.
    """

    calls: int = 0
    shapes: tuple[tuple[int, ...], ...] = ()
    numbers: int = 0

    def note(self, output: object) -> None:
        """Count a call."""
        self.calls += 1
        tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        self.numbers += sum(tensor.numel() for tensor in tensors)
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        if self.calls == 1:
            self.shapes = shapes
        else:
            self.shapes += tuple(shape for shape in shapes if shape not in self.shapes)


@dataclass(frozen=True)
class Ends:
    """What a gate took and gave in one call. Held, for else another storage may come to have their place."""

    input: Tensor
    output: Tensor


class Frames(TorchFunctionMode):
    """Knows at any moment of a forward pass which frame is at work; `seen` is in the order of running.

    Functions are told apart where a module with children calls them, since that module has rows below
    it; what a module without children does is its own.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = {module: name for name, module in model.named_modules()}
        self.whole = {name for module, name in self.names.items() if has_no_parts(module)}
        self.seen: dict[Frame, Seen] = {}
        self.stack: list[Frame] = []
        self.gates = [model.get_submodule(name) for name in outermost_gates(model)]
        self.ends: dict[str, list[Ends]] = {}

    @property
    def current(self) -> Frame:
        """The frame that is at work."""
        return self.stack[-1] if self.stack else Frame("")

    def enter(self, module: nn.Module, _: object) -> None:
        """Begin a call of a module."""
        if module in self.names:
            self.stack.append(Frame(self.names[module]))
            self.seen.setdefault(self.current, Seen())

    def leave(self, module: nn.Module, _: object, output: object) -> None:
        """End a call of a module, also of one that raised."""
        if module in self.names:
            self.seen[self.stack.pop()].note(output)

    def weighed(self, gate: nn.Module, args: Any, kwargs: Any, output: object) -> None:
        """Take note of what a gate took and gave."""
        taken = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if taken and isinstance(output, Tensor):
            # Detached: a tensor held here must not hold its graph.
            ends = Ends(taken[0].detach(), output.detach())
            self.ends.setdefault(self.names[gate], []).append(ends)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Tell a function that is called by a module with children."""
        kwargs = kwargs or {}
        here = self.current
        if here.function is not None or here.module in self.whole:
            return func(*args, **kwargs)
        self.stack.append(Frame(here.module, plain(getattr(func, "__name__", str(func)))))
        try:
            output = func(*args, **kwargs)
            self.seen.setdefault(self.current, Seen()).note(output)
        finally:
            self.stack.pop()
        return output

    @contextmanager
    def watching(self) -> Iterator[Frames]:
        """Watch what runs in this block."""
        hooks = [
            register_module_forward_pre_hook(self.enter),
            register_module_forward_hook(self.leave, always_call=True),
            # On the copy itself: torch never forgets that a hook of all modules asked for keywords.
            *(gate.register_forward_hook(self.weighed, with_kwargs=True) for gate in self.gates),
        ]
        try:
            with self:
                yield self
        finally:
            for hook in hooks:
                hook.remove()


def plain(name: str) -> str:
    """Return the name of a function without the marks of operators and of work in place.

    >>> plain("__iadd__"), plain("add_"), plain("flatten")
    ('add', 'add', 'flatten')
    """
    bare = name.strip("_")
    return bare[1:] if bare in SWAPPED else bare


def storage_of(tensor: Tensor) -> int:
    """Return what tells one storage from another, on any device, while it is there."""
    return int(tensor.untyped_storage()._cdata)
