"""Two passes of a copy of a network: one counts what it does, the other what it keeps for backward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal.cost.copying import copied
from foveal.cost.counting import Tally, counting
from foveal.cost.frames import Frame, Frames, Seen
from foveal.cost.kept import added_by, keeping, kept_by_frame
from foveal.errors import FovealError

META = "meta"
Shape = Sequence[int]
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Pass:
    """What both passes saw, by frame, and the device on which they ran; `added` is by gate, in bytes."""

    seen: dict[Frame, Seen]
    tallies: dict[Frame, Tally]
    kept: Counter[Frame]
    added: dict[str, int]
    counted_on: str


def run_passes(
    model: nn.Module, shapes: Sequence[Shape], *, batch_size: int, device: str, precision: str
) -> Pass:
    """Run the model in eval mode without gradients, then in training mode with them.

    On the meta device where that is the same: nothing is computed there, so size costs nothing. What does
    not run without values, and low precision, which autocast knows of real devices only, runs on
    `device`.

    Raises:
        FovealError: the model raises, on `device` too.
    """
    options = {"batch_size": batch_size, "precision": precision}
    if device == META or precision == "fp32":
        try:
            return passes_on(META, model, shapes, **options)  # type: ignore[arg-type]
        except Exception as error:
            if device == META:
                raise failure(model, shapes, batch_size, error) from error
    try:
        return passes_on(device, model, shapes, **options)  # type: ignore[arg-type]
    except Exception as error:
        raise failure(model, shapes, batch_size, error) from error


def passes_on(
    device: str, model: nn.Module, shapes: Sequence[Shape], *, batch_size: int, precision: str
) -> Pass:
    """Run both passes on a device."""
    mine = copied(model, device)
    inputs = inputs_of(shapes, batch_size=batch_size, device=device)
    frames = Frames(mine)
    with torch.random.fork_rng(), cast(device, precision):
        mine.eval()
        with torch.no_grad(), frames.watching(), counting(frames) as counter:
            mine(*inputs)
        mine.train()
        trained = Frames(mine)
        with torch.enable_grad(), trained.watching(), keeping(mine, trained) as kept:
            output = mine(*inputs)  # held while we look: with it goes its graph
            storages = kept.storages()
    del output
    added = {gate: added_by(gate, ends, storages) for gate, ends in trained.ends.items()}
    seen = trained.seen | frames.seen
    return Pass(seen, dict(counter.tallies), kept_by_frame(storages), added, device)


def inputs_of(shapes: Sequence[Shape], *, batch_size: int, device: str) -> list[Tensor]:
    """Return inputs of these shapes, from a stream of their own."""
    if device == META:
        return [torch.empty(batch_size, *shape, device=META) for shape in shapes]
    source = torch.Generator().manual_seed(0)
    return [torch.randn(batch_size, *shape, generator=source).to(device) for shape in shapes]


def cast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context of a precision."""
    dtype = AUTOCAST[precision]
    kind = "cpu" if device == META else torch.device(device).type
    return torch.autocast(kind, dtype=dtype, enabled=dtype is not None)


def failure(
    model: nn.Module, shapes: Sequence[Shape], batch_size: int, error: Exception
) -> FovealError:
    """Say that a model raised, on which input."""
    inputs = " and ".join(f"({', '.join(map(str, (batch_size, *shape)))})" for shape in shapes)
    said = " ".join(str(error).split())
    return FovealError(f"{type(model).__name__} cannot take {inputs}: {said}")
