"""The bytes that a forward pass keeps for its backward pass, by the module that keeps them first."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from foveal.cost.frames import Frame, Frames


@dataclass(eq=False)
class Saved:
    """A tensor in the graph; it goes when the graph lets go of it."""

    tensor: Tensor
    frame: Frame


class Kept:
    """What autograd saves, as long as it does.

    A storage is counted once and whole, however many tensors see it or parts of it, and by the frame
    that saved it first. Parameters and buffers are there anyway and are not counted.
    """

    def __init__(self, model: nn.Module, frames: Frames) -> None:
        self.frames = frames
        self.known = {storage_of(tensor) for tensor in [*model.parameters(), *model.buffers()]}
        self.saved: list[weakref.ref[Saved]] = []

    def pack(self, tensor: Tensor) -> Saved:
        """Take note of a tensor that the graph saves."""
        saved = Saved(tensor, self.frames.current)
        self.saved.append(weakref.ref(saved))
        return saved

    def by_frame(self) -> Counter[Frame]:
        """Return the bytes that are kept now."""
        seen = set(self.known)
        found: Counter[Frame] = Counter()
        for saved in (one for reference in self.saved if (one := reference()) is not None):
            storage = storage_of(saved.tensor)
            if storage not in seen:
                seen.add(storage)
                found[saved.frame] += saved.tensor.untyped_storage().nbytes()
        return found


def storage_of(tensor: Tensor) -> int:
    """Return what tells one storage from another, on any device, while it is there."""
    return int(tensor.untyped_storage()._cdata)


@contextmanager
def keeping(model: nn.Module, frames: Frames) -> Iterator[Kept]:
    """See what the graph of this block saves."""
    kept = Kept(model, frames)
    with saved_tensors_hooks(kept.pack, lambda saved: saved.tensor):
        yield kept
