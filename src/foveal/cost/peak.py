"""The most memory that a training step takes, as the allocator of the device tells it."""

from __future__ import annotations

import torch
from torch import nn

from foveal.cost.conditions import Setting
from foveal.cost.timing import training_step


def peak_memory(model: nn.Module, setting: Setting) -> int | None:
    """Return the peak of a training step in bytes, with parameters, gradients and optimizer's state.

    None on a device whose allocator keeps no such mark, as a CPU, and for a model with nothing to train.
    """
    device = setting.device
    if torch.device(device).type != "cuda" or not any(p.requires_grad for p in model.parameters()):
        return None
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    with setting.generators_kept():
        mine, inputs = setting.prepared(model)
        step = training_step(mine, mine, inputs, setting)
        step()  # the optimizer's state is made by the first
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)
