"""What an interrupted training needs to go on as if nothing had happened.

One file, replaced whole after each epoch. Order, augmentation and the model's own draws hang on
(seed, epoch), so no generator's state has to be kept.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from foveal.errors import CorruptRecordError
from foveal.records import atomic_write
from foveal.training.history import Epoch


@dataclass(frozen=True)
class State:
    """What changes with every step."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler


def save_checkpoint(path: Path, state: State, history: Sequence[Epoch]) -> None:
    """Write the state whole or not at all."""
    content = {
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state_dict(),
        "history": [asdict(row) for row in history],
    }
    with atomic_write(path) as aside:
        torch.save(content, aside)


def load_checkpoint(path: Path, state: State) -> list[Epoch]:
    """Put the state back and return the epochs that are done."""
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CorruptRecordError(
            f"The checkpoint {path} is damaged: delete its folder and run again."
        ) from error
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.schedule.load_state_dict(content["schedule"])
    return [Epoch(**row) for row in content["history"]]
