"""Training recipe: optimizer, schedule and length, the same for every variant of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch
    from torch.optim.lr_scheduler import LRScheduler


class Recipe(BaseModel):
    """Optimizer, learning rate schedule, length and regularization of a training."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    epochs: int = Field(default=10, ge=1)
    """Passes over the training set."""
    batch_size: int = Field(default=256, ge=1)
    """Images per step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov momentum 0.9, or AdamW."""
    learning_rate: float = Field(default=0.1, gt=0)
    """Peak learning rate of the schedule."""
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    """Rise for 30 % of the steps and decay to zero (one-cycle), or decay from the start (cosine)."""
    weight_decay: float = Field(default=5e-4, ge=0)
    """Weight decay of every parameter."""
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the target probability spread over all classes."""


def make_optimizer(groups: list[dict[str, Any]], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimizer of `recipe`; options set in a parameter group override the recipe's.

    It is fused unless the first step finds a gradient with another memory layout than its parameter: the
    fused steps of torch 2.13 on a CPU then combine the wrong elements, without an error. Layouts depend on
    the network and the memory format, which are on record, so that the same run always takes the same steps.
    """
    import torch

    copies = [dict(group) for group in groups]  # the optimizer and the schedule write into them
    options = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "fused": True}
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "adamw":
        optimizer = torch.optim.AdamW(copies, **options)  # type: ignore[arg-type]
    else:
        optimizer = torch.optim.SGD(copies, momentum=0.9, nesterov=True, **options)  # type: ignore[arg-type]
    unchecked = [optimizer]  # a hook cannot remove itself while it runs

    def check_layouts_once(*_: object) -> None:
        if unchecked:
            _unfuse_if_layouts_differ(unchecked.pop())

    optimizer.register_step_pre_hook(check_layouts_once)
    return optimizer


def _unfuse_if_layouts_differ(optimizer: torch.optim.Optimizer) -> None:
    """Make the steps of an optimizer not fused if any gradient has another layout than its parameter."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if all(_has_fusible_layout(parameter) for parameter in parameters):
        return
    for group in optimizer.param_groups:
        group["fused"] = group["foreach"] = False


def _has_fusible_layout(parameter: torch.Tensor) -> bool:
    """Return True if a parameter has no gaps, and its gradient, if there is one, has the same strides."""
    import torch

    strides = _get_used_strides(parameter)
    tensors = [torch.empty_like(parameter, device="meta")]  # without gaps
    tensors += [] if parameter.grad is None else [parameter.grad]
    return all(_get_used_strides(tensor) == strides for tensor in tensors)


def _get_used_strides(tensor: torch.Tensor) -> list[int]:
    """Return the strides of the axes of more than one element; the others address nothing."""
    return [stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size > 1]


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LRScheduler:
    """Return the schedule of `recipe` over `steps` steps; each group peaks at its current rate."""
    from torch.optim import lr_scheduler

    if recipe.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=steps, cycle_momentum=False)
