"""Short trainings of a small ConvNet, shared by the tests of this folder."""

from typing import Any

import torch
from torch import nn

from foveal.models import build_model, build_parameter_groups
from foveal.training import Numerics, Recipe, TrainingResult, train
from foveal.training.loop import TrainingData

FLOAT32 = Numerics(device="cpu", threads=1, dtype="float32", memory_format="channels_last")
BATCH_SIZE = 64
STEPS_PER_EPOCH = 5


class InterruptError(Exception):
    """Stands for whatever interrupts a training."""


def make_model(attention: str = "cbam") -> nn.Module:
    return build_model("convnet", num_classes=4, image_size=16, attention=attention, seed=1)


def train_small(
    data: TrainingData,
    *,
    attention: str = "cbam",
    recipe: dict[str, Any] | None = None,
    group_options: dict[str, Any] | None = None,
    numerics: Numerics = FLOAT32,
    interrupt_at: int | None = None,
    **options: Any,
) -> TrainingResult:
    """Train with the default groups or those of `group_options`; raise InterruptError at a step."""
    model = make_model(attention)
    groups = None
    if group_options is not None:
        groups = build_parameter_groups(model, **{"lr": 0.05, **group_options})

    def interrupt(step: int, total_steps: int) -> None:
        if step == interrupt_at:
            raise InterruptError

    settings = Recipe(
        **{"epochs": 2, "batch_size": BATCH_SIZE, "learning_rate": 0.05} | (recipe or {})
    )
    return train(
        model, data, recipe=settings, numerics=numerics, groups=groups, on_step=interrupt, **options
    )


def have_equal_weights(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def get_curves(result: TrainingResult) -> list[tuple[float, ...]]:
    """Return the history without times."""
    return [
        (row.learning_rate, row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy)
        for row in result.history
    ]
