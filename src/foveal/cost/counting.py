"""Multiply-adds and work on elements of a forward pass, by the module and function that did it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from foveal.cost.attribution import Frame, Frames
from foveal.cost.operations import elements, multiply_adds


@dataclass
class Tally:
    """What one frame did. `elements` is by operation; `uncounted` is the calls of what has no count."""

    macs: int = 0
    elements: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every operation that torch runs, whoever asked for it."""

    def __init__(self, frames: Frames) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.frames = frames
        self.tallies: defaultdict[Frame, Tally] = defaultdict(Tally)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Run one operation and count it for the frame that is at work."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        tally = self.tallies[self.frames.current]
        macs = multiply_adds(func, args, kwargs, out)
        if macs is not None:
            tally.macs += macs
            return out
        name = func._overloadpacket.__name__.strip("_")
        worked_on = elements(func, args, out)
        if worked_on is None:
            tally.uncounted[name] += 1
        elif worked_on:
            tally.elements[name] += worked_on
        return out


@contextmanager
def counting(frames: Frames) -> Iterator[Counting]:
    """Count what runs in this block, products of attention by the matrix products they are made of."""
    with sdpa_kernel(SDPBackend.MATH), Counting(frames) as counter:
        yield counter
