"""Capture of the attention maps of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.errors import UsageError


@contextmanager
def capture_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the maps of all gates in `model` during its forward passes, without another pass.

    Yields a dict that each forward pass fills. A key is the name of a gate in `model` ('' for `model`
    itself); the value is its last map, detached, broadcastable to the gate's input. CBAM has two gates,
    `channel` and `spatial`. BAM has one, because its branches only compute logits. All hooks are removed
    at the end of the block.

    Raises:
        UsageError: the model is compiled; compiled code ignores hooks that are registered later.

    >>> import torch
    >>> from foveal.attention import capture_maps, create
    >>> gate = create("cbam", 8)
    >>> with capture_maps(gate) as maps:
    ...     _ = gate(torch.zeros(2, 8, 5, 4))
    >>> {name: tuple(values.shape) for name, values in maps.items()}
    {'channel': (2, 8, 1, 1), 'spatial': (2, 1, 5, 4)}
    """
    if type(model).__name__ == "OptimizedModule" or model._compiled_call_impl is not None:
        raise UsageError("The model is compiled. Capture maps from the model before torch.compile.")
    maps: dict[str, Tensor] = {}
    handles = [
        gate.map_probe.register_forward_hook(_make_map_recorder(maps, name))
        for name, gate in model.named_modules()
        if isinstance(gate, Gate)
    ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def _make_map_recorder(
    maps: dict[str, Tensor], name: str
) -> Callable[[nn.Module, object, Tensor], None]:
    """Return a forward hook that stores the output under `name`."""

    def record_map(_module: nn.Module, _inputs: object, attention_map: Tensor) -> None:
        maps[name] = attention_map.detach()

    return record_map
