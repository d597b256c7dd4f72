"""One forward pass, watched: which modules were called, in which order, on whose output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

GATE = "attention"  # the name of a gate below the module at its site


@dataclass(frozen=True)
class Call:
    """One call of a module without children of its own, a gate aside.

    `source` is the place in the trace of the call that made its input, None for the network's own input
    and for what a function outside any module made. `shape` is that of its output.
    """

    name: str
    module: nn.Module
    source: int | None
    shape: tuple[int, ...]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into eval mode, and every module back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def trace(model: nn.Module, example: Tensor) -> list[Call]:
    """Run `example` (N, C, H, W) through the model in eval mode and return the calls in order."""
    calls: list[Call] = []
    kept: list[Tensor] = []  # a tensor that is let go gives its id to the next one
    maker: dict[int, int] = {}

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def record(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            if not isinstance(output, Tensor):
                return
            source = next((maker[id(x)] for x in inputs if id(x) in maker), None)
            maker[id(output)] = len(calls)
            kept.append(output)
            calls.append(Call(name, module, source, tuple(output.shape)))

        return module.register_forward_hook(record)

    handles = [watch(name, module) for name, module in leaves(model)]
    try:
        with evaluating(model), torch.no_grad():
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def leaves(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the backbone's modules without children; gates and what is in them are no part of it."""
    for name, module in model.named_modules():
        children = {child for child, _ in module.named_children()}
        if children <= {GATE} and GATE not in name.split("."):
            yield name, module
