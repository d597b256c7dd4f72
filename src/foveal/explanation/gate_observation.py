"""Observation of every gate during a forward pass: the features it receives and the map it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from foveal.attention.gate import Gate


@contextmanager
def observe_gates(
    model: nn.Module, record: Callable[[str, Tensor, Tensor], None]
) -> Iterator[None]:
    """Call `record` with the name, the input features and the map of every gate that runs."""
    features: dict[str, Tensor] = {}
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, Gate):

            def store_features(_: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                features[name] = inputs[0]

            def record_map(_: nn.Module, __: object, values: Tensor, name: str = name) -> None:
                record(name, features.pop(name), values)

            handles.append(module.register_forward_pre_hook(store_features))
            handles.append(module.map_probe.register_forward_hook(record_map))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
