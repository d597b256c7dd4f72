"""How a network is trained: the same for every variant of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch
    from torch.optim.lr_scheduler import LRScheduler


class Recipe(BaseModel):
    """Optimiser, schedule and length of the training."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    epochs: int = Field(default=10, ge=1)
    """Passes over the training set."""
    batch_size: int = Field(default=256, ge=1)
    """Images a step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum 0.9, or AdamW."""
    learning_rate: float = Field(default=0.1, gt=0)
    """The highest learning rate of the schedule."""
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    """Up for 30 % of the steps and down to zero, or down from the start; cosine in both."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Weight decay of every parameter."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target spread over all classes."""


def make_optimizer(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the fused optimizer of the recipe; what a group has of its own goes first."""
    import torch

    own = [dict(group) for group in groups]  # torch and the schedule write into them
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(own, **common)  # type: ignore[arg-type]
    return torch.optim.SGD(own, momentum=0.9, nesterov=True, **common)  # type: ignore[arg-type]


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LRScheduler:
    """Return the schedule of the recipe over `steps` steps, for each group from its own rate."""
    from torch.optim import lr_scheduler

    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=steps, cycle_momentum=False)
