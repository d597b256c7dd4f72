"""Trace of one forward pass: the modules and functions called and the producers of their inputs."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from foveal.attention.inserted import is_inserted_gate, is_leaf
from foveal.models.example_inputs import Inputs
from foveal.module_modes import eval_mode

_CPU = torch.device("cpu")


@dataclass
class Node:
    """One step of the forward pass: a call of a leaf module or of a function.

    A call that returns several tensors has another node after it for each of them, a selection. Inserted
    gates have no nodes: a trace is the same with and without them.

    Attributes:
        name: name of the module or the function.
        call: the module or the function itself.
        sources: indices of the nodes that produced its inputs.
        shape: shape of its output.
        dtype: dtype that parameters need which are applied to its output.
        device: device of its output.
        scope: name of the innermost module with children that was running.
        returns_input: whether the output is an unchanged input.
        returns_tensor: whether the call returned this tensor alone, so that a forward hook receives it.
        takes_tensor: whether its first argument is its only tensor, so that a forward pre-hook can replace it.
        keywords: keyword arguments of a function.
        containers: modules with children that returned the same output, innermost first, with their names.
    """

    name: str
    call: nn.Module | Callable[..., Any]
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    device: torch.device = _CPU
    scope: str = ""
    returns_input: bool = False
    returns_tensor: bool = True
    takes_tensor: bool = False
    keywords: dict[str, Any] = field(default_factory=dict)
    containers: list[tuple[str, nn.Module]] = field(default_factory=list)

    def list_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield the modules that returned the output, innermost first, with their names."""
        if isinstance(self.call, nn.Module) and self.returns_tensor:
            yield self.name, self.call
        yield from self.containers


@dataclass
class Trace:
    """The nodes of a forward pass in order, the first of which is the input of the network.

    Attributes:
        nodes: the nodes.
        outputs: indices of the nodes that produced the tensors which the network returned.
        gate_calls: number of calls of each inserted gate.
        module_calls: number of calls of each module by name.
    """

    nodes: list[Node]
    outputs: tuple[int, ...]
    gate_calls: Counter[nn.Module]
    module_calls: Counter[str]

    @cached_property
    def consumers(self) -> list[list[int]]:
        """For each node the indices of the nodes that take its output."""
        consumers: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.sources:
                consumers[source].append(index)
        return consumers

    def count_places(self, name: str) -> int:
        """Return how often a module is called per call of the module around it.

        In a network that runs on two images, as a Siamese one, each module is called twice at one place.
        """
        around = name
        while around:
            around = around.rpartition(".")[0]
            if self.module_calls[around]:
                break
        return math.ceil(self.module_calls[name] / max(1, self.module_calls[around]))

    def get_only_consumer(self, index: int) -> int | None:
        """Return the only node that takes the output of a node, or None; the network may not return it."""
        consumers = self.consumers[index]
        return consumers[0] if len(consumers) == 1 and index not in self.outputs else None


@dataclass(frozen=True)
class _CallInputs:
    """Inputs of a call: the indices of their producers, the version of each tensor by its id, the scope."""

    sources: tuple[int, ...]
    versions: dict[int, int]
    takes_tensor: bool
    scope: str


class _TraceRecorder(TorchFunctionMode):
    """Recorder of the nodes of a forward pass; functions called inside leaf modules are not recorded."""

    def __init__(self, inputs: Inputs) -> None:
        super().__init__()
        tensors = inputs.tensors
        shape = tuple(tensors[0].shape) if tensors else ()
        self.nodes = [Node("input", nn.Identity(), (), shape, returns_tensor=False)]
        self.producers = {id(tensor): 0 for tensor in tensors}
        self.tensors = list(tensors)  # kept alive, because a freed tensor's id is used again
        self.open_calls: list[_CallInputs] = []
        self.scopes = [""]
        self.gate_calls: Counter[nn.Module] = Counter()
        self.module_calls: Counter[str] = Counter()

    def read_inputs(self, args: Any, kwargs: Any) -> _CallInputs:
        """Return producers and versions of the tensors among the arguments, before the call changes them."""
        tensors = _list_tensors((args, kwargs))
        sources = [self.producers[id(tensor)] for tensor in tensors if id(tensor) in self.producers]
        return _CallInputs(
            sources=tuple(dict.fromkeys(sources)),
            versions={id(tensor): _get_version(tensor) for tensor in tensors},
            takes_tensor=len(tensors) == 1 and bool(args) and args[0] is tensors[0],
            scope=self.scopes[-1],
        )

    def add_node(
        self, name: str, call: nn.Module | Callable[..., Any], inputs: _CallInputs, output: object,
        keywords: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Record a call if its output contains a tensor; of several, each gets a node of its own."""
        tensors = _list_tensors(output)
        if not tensors:
            return
        changed = [t for t in tensors if inputs.versions.get(id(t)) != _get_version(t)]
        first = tensors[0]
        node = Node(
            name, call, inputs.sources, tuple(first.shape), _get_parameter_dtype(first), first.device,
            inputs.scope, returns_input=len(changed) < len(tensors),
            returns_tensor=isinstance(output, Tensor), takes_tensor=inputs.takes_tensor,
            keywords=keywords or {},
        )  # fmt: skip
        index = len(self.nodes)
        self.nodes.append(node)
        self.tensors += tensors
        if len(tensors) == 1:
            self.producers[id(first)] = index
            return
        for tensor in changed:
            self.producers[id(tensor)] = len(self.nodes)
            self.nodes.append(
                Node(
                    name, operator.getitem, (index,), tuple(tensor.shape), _get_parameter_dtype(tensor),
                    tensor.device, inputs.scope, returns_tensor=False,
                )
            )  # fmt: skip

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Record a function that is called outside leaf modules."""
        kwargs = kwargs or {}
        if self.open_calls:
            return func(*args, **kwargs)
        inputs = self.read_inputs(args, kwargs)
        output = func(*args, **kwargs)
        self.add_node(getattr(func, "__name__", str(func)), func, inputs, output, kwargs)
        return output

    def hook_leaf(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Register hooks that record each call of a leaf module."""

        def open_call(_: nn.Module, args: Any, kwargs: Any) -> None:
            self.module_calls[name] += 1
            self.open_calls.append(self.read_inputs(args, kwargs))

        def close_call(module: nn.Module, _: object, output: object) -> None:
            self.add_node(name, module, self.open_calls.pop(), output)

        return [
            module.register_forward_pre_hook(open_call, with_kwargs=True),
            module.register_forward_hook(close_call, prepend=True),
        ]

    def hook_gate(self, gate: nn.Module) -> list[RemovableHandle]:
        """Register hooks that count the calls of a gate; its output counts as its unchanged input."""

        def open_call(_: nn.Module, args: Any, kwargs: Any) -> None:
            self.open_calls.append(self.read_inputs(args, kwargs))

        def close_call(gate: nn.Module, _: object, output: object) -> None:
            inputs = self.open_calls.pop()
            self.gate_calls[gate] += 1
            for tensor in _list_tensors(output):
                self.tensors.append(tensor)
                self.producers |= {id(tensor): source for source in inputs.sources[:1]}

        return [
            gate.register_forward_pre_hook(open_call, with_kwargs=True),
            gate.register_forward_hook(close_call, prepend=True),
        ]

    def hook_container(self, name: str, module: nn.Module) -> list[RemovableHandle]:
        """Register hooks that add a module with children to the node whose output it returns."""

        def enter(_: nn.Module, __: object) -> None:
            self.module_calls[name] += 1
            self.scopes.append(name)

        def leave(module: nn.Module, _: object, output: object) -> None:
            self.scopes.pop()
            if isinstance(output, Tensor) and id(output) in self.producers:
                self.nodes[self.producers[id(output)]].containers.append((name, module))

        return [
            module.register_forward_pre_hook(enter),
            module.register_forward_hook(leave, prepend=True),
        ]


def trace_forward(model: nn.Module, inputs: Inputs) -> Trace:
    """Call the model in eval mode without gradients and return the trace."""
    recorder = _TraceRecorder(inputs)
    handles: list[RemovableHandle] = []
    try:
        for name, module, is_leaf_module in iterate_modules(model):
            if is_inserted_gate(module):
                handles += recorder.hook_gate(module)
            elif is_leaf_module:
                handles += recorder.hook_leaf(name, module)
            else:
                handles += recorder.hook_container(name, module)
        with eval_mode(model), torch.no_grad(), recorder:
            output = model(*inputs.args, **inputs.kwargs)
    finally:
        for handle in handles:
            handle.remove()
    returned = (recorder.producers.get(id(tensor)) for tensor in _list_tensors(output))
    outputs = tuple(dict.fromkeys(index for index in returned if index is not None))
    return Trace(
        recorder.nodes,
        outputs or (len(recorder.nodes) - 1,),
        recorder.gate_calls,
        recorder.module_calls,
    )


def iterate_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module, bool]]:
    """Yield name, module and whether it is a leaf; a gate is a leaf, and its parts are left out."""
    inside_gates: set[nn.Module] = set()
    for name, module in model.named_modules():
        if module in inside_gates:
            continue
        if is_inserted_gate(module):
            inside_gates.update(module.modules())
        yield name, module, is_inserted_gate(module) or is_leaf(module)


def _list_tensors(values: object) -> list[Tensor]:
    """Return the tensors in a nested structure of tuples, lists and dicts."""
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _get_version(tensor: Tensor) -> int:
    """Return the number of in-place changes of a tensor; tensors of inference mode do not count them."""
    return -1 if tensor.is_inference() else tensor._version


def _get_parameter_dtype(tensor: Tensor) -> torch.dtype:
    """Return the dtype of parameters for a map: its own, or float32 inside autocast, which casts them."""
    kind = tensor.device.type
    if (
        tensor.is_floating_point()
        and torch.amp.is_autocast_available(kind)
        and torch.is_autocast_enabled(kind)
    ):
        return torch.float32
    return tensor.dtype
