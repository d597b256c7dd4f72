"""Checkpoints: everything that an interrupted training needs to resume with bitwise equal results.

A checkpoint is one file, replaced atomically after each epoch. Data order, augmentation and the model's
random draws depend only on (seed, epoch), so no generator state is saved.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from foveal.atomic import atomic_write
from foveal.errors import CorruptRecordError
from foveal.training.history import EpochMetrics
from foveal.training.weight_average import WeightAverage


@dataclass(frozen=True)
class TrainingState:
    """Objects that change with every step: model, optimizer, learning rate schedule and mean weights."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    average: WeightAverage


def save_checkpoint(path: Path, state: TrainingState, history: Sequence[EpochMetrics]) -> None:
    """Write the state and the history to `path` atomically."""
    content = {
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "schedule": state.schedule.state_dict(),
        "average": state.average.state_dict(),
        "history": [asdict(row) for row in history],
    }
    with atomic_write(path) as partial:
        torch.save(content, partial)


def load_checkpoint(path: Path, state: TrainingState) -> list[EpochMetrics]:
    """Load the checkpoint into `state` in place and return the metrics of the completed epochs.

    Raises:
        CorruptRecordError: the file cannot be read.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CorruptRecordError(
            f"The checkpoint {path} is damaged. Delete its folder and run again."
        ) from error
    state.model.load_state_dict(content["model"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.schedule.load_state_dict(content["schedule"])
    state.average.load_state_dict(content["average"])
    return [EpochMetrics(**row) for row in content["history"]]
