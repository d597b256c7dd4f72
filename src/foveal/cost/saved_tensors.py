"""The bytes that a forward pass keeps for its backward pass: who saves them, and what a gate adds."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from foveal.cost.ablation import is_within
from foveal.cost.attribution import Ends, Frame, Frames, storage_of


@dataclass(eq=False)
class Saved:
    """A tensor in the graph; it goes when the graph lets go of it."""

    tensor: Tensor
    frame: Frame


@dataclass
class Storage:
    """A storage that is kept, and the frames that saved it, the first one first."""

    size: int
    savers: list[Frame]


class Kept:
    """What autograd saves, as long as it does.

    A storage is counted once and whole, however many tensors see it or parts of it. Parameters and
    buffers are there anyway and are not counted.
    """

    def __init__(self, model: nn.Module, frames: Frames) -> None:
        self.frames = frames
        self.known = {storage_of(tensor) for tensor in [*model.parameters(), *model.buffers()]}
        self.saved: list[weakref.ref[Saved]] = []

    def pack(self, tensor: Tensor) -> Saved:
        """Take note of a tensor that the graph saves."""
        # Detached: an output that is saved would hold the graph that holds it, and neither would ever go.
        saved = Saved(tensor.detach(), self.frames.current)
        self.saved.append(weakref.ref(saved))
        return saved

    def storages(self) -> dict[int, Storage]:
        """Return what is kept now."""
        found: dict[int, Storage] = {}
        for saved in (one for reference in self.saved if (one := reference()) is not None):
            key = storage_of(saved.tensor)
            if key not in self.known:
                size = saved.tensor.untyped_storage().nbytes()
                found.setdefault(key, Storage(size, [])).savers.append(saved.frame)
        return found


@contextmanager
def keeping(model: nn.Module, frames: Frames) -> Iterator[Kept]:
    """See what the graph of this block saves."""
    kept = Kept(model, frames)
    with saved_tensors_hooks(kept.pack, lambda saved: saved.tensor):
        yield kept


def kept_by_frame(storages: dict[int, Storage]) -> Counter[Frame]:
    """Return the bytes by the frame that saved them first."""
    found: Counter[Frame] = Counter()
    for storage in storages.values():
        found[storage.savers[0]] += storage.size
    return found


def added_by(gate: str, calls: Sequence[Ends], storages: dict[int, Storage]) -> int:
    """Return by how many bytes a gate makes the network keep more.

    Without it nothing would be kept that only the gate saves, nor its output; and whoever saved the
    output would save in its place what the gate weighs.
    """
    elsewhere = {
        key
        for key, one in storages.items()
        if not all(is_within(frame.module, gate) for frame in one.savers)
    }
    gone = {key for key in storages if key not in elsewhere}
    in_its_place: dict[int, int] = {}
    for ends in calls:
        taken, given = storage_of(ends.input), storage_of(ends.output)
        if taken != given and given in elsewhere:
            gone.add(given)
            if taken not in elsewhere:
                in_its_place[taken] = ends.input.untyped_storage().nbytes()
    return sum(storages[key].size for key in gone) - sum(in_its_place.values())
