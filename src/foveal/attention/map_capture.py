"""The attention maps of a forward pass, as it ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.errors import UsageError


@contextmanager
def captured_maps(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the maps of all gates in `model` while it runs, without another forward pass.

    Yields a dict that each forward pass fills: the name of a gate in `model` ('' for `model` itself) to
    its last map, detached, broadcastable to what the gate was given. A CBAM has two gates, `channel`
    and `spatial`; where a gate is made of others that only give it their logits, as `BAM` is, its own
    map alone is there. No hook stays behind.

    Raises:
        UsageError: the model is compiled, and compiled code does not ask for hooks that come later.

    >>> import torch
    >>> from foveal.attention import captured_maps, create
    >>> gate = create("cbam", 8)
    >>> with captured_maps(gate) as maps:
    ...     _ = gate(torch.zeros(2, 8, 5, 4))
    >>> {name: tuple(values.shape) for name, values in maps.items()}
    {'channel': (2, 8, 1, 1), 'spatial': (2, 1, 5, 4)}
    """
    if type(model).__name__ == "OptimizedModule" or model._compiled_call_impl is not None:
        raise UsageError("Capture maps from the model as it is before torch.compile.")
    maps: dict[str, Tensor] = {}
    handles = [
        gate.tap.register_forward_hook(keeper(maps, name))
        for name, gate in model.named_modules()
        if isinstance(gate, Gate)
    ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def keeper(maps: dict[str, Tensor], name: str) -> Callable[[nn.Module, object, Tensor], None]:
    """Return a hook that keeps what it sees under `name`."""

    def keep(_module: nn.Module, _given: object, values: Tensor) -> None:
        maps[name] = values.detach()

    return keep
