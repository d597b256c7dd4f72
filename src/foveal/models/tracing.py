"""One forward pass, watched: which modules and functions were called, on whose output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from foveal.attention.inserted import has_no_parts, is_gate
from foveal.module_modes import eval_mode


@dataclass
class Node:
    """One step of the forward pass: a call of a module without children, or of a function.

    `sources` are the places in the trace of the steps that made its inputs, and `shape` is that of its
    output. `passes` says that the output is the input, untouched. `owners` are the modules with
    children that returned this very output, innermost first.
    """

    name: str
    call: nn.Module | Callable[..., Any]
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    passes: bool = False
    owners: list[tuple[str, nn.Module]] = field(default_factory=list)


@dataclass(frozen=True)
class Inputs:
    """What a step was given: the steps that made it, and the state of each tensor."""

    sources: tuple[int, ...]
    versions: dict[int, int]


class Recorder(TorchFunctionMode):
    """Collects the steps; what happens inside a leaf module is that module's own affair."""

    def __init__(self, example: Tensor) -> None:
        super().__init__()
        self.nodes = [Node("input", nn.Identity(), (), tuple(example.shape))]
        self.maker = {id(example): 0}
        self.kept = [example]  # a tensor that is let go gives its id to the next one
        self.entered: list[Inputs] = []

    def inputs(self, values: object) -> Inputs:
        """Look at the tensors in `values` before a step may overwrite them."""
        tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
        sources = [self.maker[id(tensor)] for tensor in tensors if id(tensor) in self.maker]
        versions = {id(tensor): tensor._version for tensor in tensors}
        return Inputs(tuple(dict.fromkeys(sources)), versions)

    def add(
        self, name: str, call: nn.Module | Callable[..., Any], given: Inputs, output: object
    ) -> None:
        """Record one step, unless it made no tensor; of several, the first gives its shape."""
        tensors = [value for value in tree_leaves(output) if isinstance(value, Tensor)]
        if not tensors:
            return
        passes = any(given.versions.get(id(tensor)) == tensor._version for tensor in tensors)
        self.maker |= {id(tensor): len(self.nodes) for tensor in tensors}
        self.kept += tensors
        self.nodes.append(Node(name, call, given.sources, tuple(tensors[0].shape), passes))

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Record a function that is called outside leaf modules."""
        kwargs = kwargs or {}
        if self.entered:
            return func(*args, **kwargs)
        given = self.inputs((args, kwargs))
        output = func(*args, **kwargs)
        self.add(getattr(func, "__name__", str(func)), func, given, output)
        return output

    def watch_leaf(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Record each call of a leaf module."""

        def enter(_: nn.Module, args: Any, kwargs: Any) -> None:
            self.entered.append(self.inputs((args, kwargs)))

        def leave(module: nn.Module, _: object, output: object) -> None:
            self.add(name, module, self.entered.pop(), output)

        return [
            module.register_forward_pre_hook(enter, with_kwargs=True),
            module.register_forward_hook(leave, prepend=True),
        ]

    def watch_owner(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Note which module with children handed an output on."""

        def leave(module: nn.Module, _: object, output: object) -> None:
            if isinstance(output, Tensor) and id(output) in self.maker:
                self.nodes[self.maker[id(output)]].owners.append((name, module))

        return [module.register_forward_hook(leave, prepend=True)]


def trace(model: nn.Module, example: Tensor) -> list[Node]:
    """Run `example` (N, C, H, W) through the model in eval mode and return the steps in order."""
    recorder = Recorder(example)
    handles: list[RemovableHandle] = []
    try:
        for name, module, leaf in backbone(model):
            watch = recorder.watch_leaf if leaf else recorder.watch_owner
            handles += watch(name, module)
        with eval_mode(model), torch.no_grad(), recorder:
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return recorder.nodes


def backbone(model: nn.Module) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield each module and whether it is a leaf; a gate counts as one, whatever it is made of."""
    inside_gates: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in inside_gates:
            continue
        if is_gate(module):
            inside_gates.update(module.modules())
        leaf = is_gate(module) or has_no_parts(module)
        yield name, module, leaf
