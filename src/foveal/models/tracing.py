"""Trace of one forward pass: the modules and functions called and the producers of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from foveal.attention.inserted import is_inserted_gate, is_leaf
from foveal.module_modes import eval_mode


@dataclass
class Node:
    """One step of the forward pass: a call of a leaf module or of a function.

    Attributes:
        name: name of the module or the function.
        call: the module or the function itself.
        sources: indices of the nodes that produced its inputs.
        shape: shape of its output.
        returns_input: whether the output is an unchanged input.
        containers: modules with children that returned the same output, innermost first, with their names.
    """

    name: str
    call: nn.Module | Callable[..., Any]
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    returns_input: bool = False
    containers: list[tuple[str, nn.Module]] = field(default_factory=list)


@dataclass(frozen=True)
class _CallInputs:
    """Inputs of a call: the indices of their producers, and the version of each tensor by its id."""

    sources: tuple[int, ...]
    versions: dict[int, int]


class _TraceRecorder(TorchFunctionMode):
    """Recorder of the nodes of a forward pass; functions called inside leaf modules are not recorded."""

    def __init__(self, example: Tensor) -> None:
        super().__init__()
        self.nodes = [Node("input", nn.Identity(), (), tuple(example.shape))]
        self.producers = {id(example): 0}
        self.tensors = [example]  # kept alive, because a freed tensor's id is used again
        self.open_calls: list[_CallInputs] = []

    def read_inputs(self, values: object) -> _CallInputs:
        """Return the producers and versions of the tensors in `values`, before the call changes them."""
        tensors = [value for value in tree_leaves(values) if isinstance(value, Tensor)]
        sources = [self.producers[id(tensor)] for tensor in tensors if id(tensor) in self.producers]
        versions = {id(tensor): tensor._version for tensor in tensors}
        return _CallInputs(tuple(dict.fromkeys(sources)), versions)

    def add_node(
        self, name: str, call: nn.Module | Callable[..., Any], inputs: _CallInputs, output: object
    ) -> None:
        """Record a call if its output contains a tensor; the first tensor gives the shape."""
        tensors = [value for value in tree_leaves(output) if isinstance(value, Tensor)]
        if not tensors:
            return
        unchanged = any(inputs.versions.get(id(tensor)) == tensor._version for tensor in tensors)
        self.producers |= {id(tensor): len(self.nodes) for tensor in tensors}
        self.tensors += tensors
        self.nodes.append(Node(name, call, inputs.sources, tuple(tensors[0].shape), unchanged))

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Record a function that is called outside leaf modules."""
        kwargs = kwargs or {}
        if self.open_calls:
            return func(*args, **kwargs)
        inputs = self.read_inputs((args, kwargs))
        output = func(*args, **kwargs)
        self.add_node(getattr(func, "__name__", str(func)), func, inputs, output)
        return output

    def hook_leaf(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Register hooks that record each call of a leaf module."""

        def open_call(_: nn.Module, args: Any, kwargs: Any) -> None:
            self.open_calls.append(self.read_inputs((args, kwargs)))

        def close_call(module: nn.Module, _: object, output: object) -> None:
            self.add_node(name, module, self.open_calls.pop(), output)

        return [
            module.register_forward_pre_hook(open_call, with_kwargs=True),
            module.register_forward_hook(close_call, prepend=True),
        ]

    def hook_container(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Register a hook that adds a module with children to the node whose output it returns."""

        def add_container(module: nn.Module, _: object, output: object) -> None:
            if isinstance(output, Tensor) and id(output) in self.producers:
                self.nodes[self.producers[id(output)]].containers.append((name, module))

        return [module.register_forward_hook(add_container, prepend=True)]


def trace_forward(model: nn.Module, example: Tensor) -> list[Node]:
    """Run `example` (N, C, H, W) through the model in eval mode and return the nodes in order."""
    recorder = _TraceRecorder(example)
    handles: list[RemovableHandle] = []
    try:
        for name, module, is_leaf_module in iterate_modules(model):
            add_hooks = recorder.hook_leaf if is_leaf_module else recorder.hook_container
            handles += add_hooks(name, module)
        with eval_mode(model), torch.no_grad(), recorder:
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return recorder.nodes


def iterate_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield name, module and whether it is a leaf; a gate is a leaf, and its parts are left out."""
    inside_gates: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in inside_gates:
            continue
        if is_inserted_gate(module):
            inside_gates.update(module.modules())
        yield name, module, is_inserted_gate(module) or is_leaf(module)
