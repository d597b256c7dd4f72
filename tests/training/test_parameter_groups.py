"""Parameter groups with learning rates of their own, and frozen backbones."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foveal.attention.inserted import find_gates
from foveal.data import ImageData
from foveal.models import build_model, build_parameter_groups, find_head
from foveal.module_modes import freeze_batch_norm_statistics
from foveal.training import Recipe
from foveal.training.recipe import make_optimizer, make_schedule
from training.small_training import (
    InterruptError,
    get_curves,
    have_equal_weights,
    make_model,
    train_small,
)

RECIPES: list[dict[str, Any]] = [
    {"optimizer": "sgd", "schedule": "one-cycle"},
    {"optimizer": "adamw", "schedule": "cosine"},
]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_groups_without_options_change_no_bit(data: ImageData, recipe: dict[str, Any]) -> None:
    default = train_small(data, recipe=recipe)
    grouped = train_small(data, recipe=recipe, group_options={})
    assert have_equal_weights(grouped.model, default.model)
    assert [row.learning_rate for row in grouped.history] == [
        row.learning_rate for row in default.history
    ]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_schedule_scales_each_group_by_its_own_rate(recipe: dict[str, Any]) -> None:
    settings = Recipe(learning_rate=0.5, **recipe)
    model = nn.Linear(2, 2)
    groups = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.001}]
    optimizer = make_optimizer(groups, settings)
    schedule = make_schedule(optimizer, settings, 20)
    rates = [schedule.get_last_lr()]
    for _ in range(19):
        optimizer.step()
        schedule.step()
        rates.append(schedule.get_last_lr())
    peaks = [max(group_rates) for group_rates in zip(*rates, strict=True)]
    assert peaks == pytest.approx([0.1, 0.001])
    assert all(slow == pytest.approx(fast / 100) for fast, slow in rates)
    assert [group["lr"] for group in groups] == [0.1, 0.001]  # the caller's groups are unchanged


def test_gates_learn_at_their_own_rate(data: ImageData) -> None:
    initial = make_model()
    model = train_small(data, recipe={"weight_decay": 0}, group_options={"gate_lr": 0.0}).model
    changed = {k for k, v in model.named_parameters() if not v.equal(initial.get_parameter(k))}
    assert {"blocks.0.conv.weight", "head.logits.weight"} <= changed
    assert not any(".attention." in key for key in changed)


@pytest.mark.parametrize(
    ("recipe", "freeze"), list(zip(RECIPES, [False, True], strict=True)), ids=str
)
def test_resumed_training_with_groups_is_bitwise_equal(
    data: ImageData, tmp_path: Path, recipe: dict[str, Any], freeze: bool
) -> None:
    options: dict[str, Any] = {
        "recipe": recipe,
        "group_options": {"gate_lr": 0.01, "freeze_backbone": freeze},
    }
    uninterrupted = train_small(data, **options)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(InterruptError):
        train_small(data, checkpoint=checkpoint, interrupt_at=7, **options)
    resumed = train_small(data, checkpoint=checkpoint, **options)
    assert have_equal_weights(resumed.model, uninterrupted.model)
    assert get_curves(resumed) == get_curves(uninterrupted)


@pytest.mark.parametrize("attention", ["none", "cbam", "bam"])
def test_frozen_backbone_keeps_parameters_and_statistics(data: ImageData, attention: str) -> None:
    before = make_model(attention).state_dict()
    model = train_small(data, attention=attention, group_options={"freeze_backbone": True}).model
    changed = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    gate_keys = {key for key in before if ".attention." in key}
    assert changed == gate_keys | {"head.logits.weight", "head.logits.bias"}


def test_freezes_a_batch_norm_without_freezing_the_gate_inside_it() -> None:
    model = build_model("resnet18", attention="cbam").train()
    build_parameter_groups(model, lr=0.1, freeze_backbone=True)
    freeze_batch_norm_statistics(model)
    gate_modules = {module for gate in find_gates(model).values() for module in gate.modules()}
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert {norm.training for norm in norms if norm in gate_modules} == {True}
    assert {norm.training for norm in norms if norm not in gate_modules} == {False}
    assert find_head(model).training
    model.train()
    assert all(module.training for module in model.modules())


def test_batch_norms_with_trainable_or_without_parameters_keep_updating() -> None:
    partly_frozen = nn.BatchNorm2d(3)
    partly_frozen.bias.requires_grad_(False)
    model = nn.Sequential(nn.BatchNorm2d(3), partly_frozen, nn.BatchNorm2d(3, affine=False)).train()
    freeze_batch_norm_statistics(model)
    images: Tensor = torch.ones(2, 3, 4, 4)
    model(images)
    assert all(norm.training and int(norm.num_batches_tracked) == 1 for norm in model)  # type: ignore[arg-type]
