"""The most memory that a training step takes, as the allocator of the device tells it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from foveal.cost.copying import copied
from foveal.cost.passes import Shape, inputs_of
from foveal.cost.timing import training_step


def peak_memory(
    model: nn.Module, shapes: Sequence[Shape], *, batch_size: int, device: str, precision: str
) -> int | None:
    """Return the peak of a training step in bytes, with parameters, gradients and optimiser's state.

    None on a device whose allocator keeps no such mark, as a CPU.
    """
    if torch.device(device).type != "cuda":
        return None
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    mine = copied(model, device)
    inputs = inputs_of(shapes, batch_size=batch_size, device=device)
    step = training_step(mine, mine, inputs, device, precision)
    step()  # the optimiser's state is made by the first
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)
