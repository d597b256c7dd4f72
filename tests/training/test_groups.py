"""Groups with rates of their own, and a backbone that stays what it was while its gates learn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foveal.attention.inserted import gates_of
from foveal.data import ImageData
from foveal.models import build_model, head_of, trainable_groups
from foveal.module_modes import freeze_batch_norm_statistics
from foveal.training import Numerics, Recipe, Training, train
from foveal.training.recipe import make_optimizer, make_schedule

FLOAT32 = Numerics(device="cpu", threads=1, dtype="float32", memory_format="channels_last")
RECIPES: list[dict[str, Any]] = [
    {"optimizer": "sgd", "schedule": "one-cycle"},
    {"optimizer": "adamw", "schedule": "cosine"},
]


class StoppedError(Exception):
    pass


def trained(
    data: ImageData,
    *,
    attention: str = "series",
    recipe: dict[str, Any] | None = None,
    groups: dict[str, Any] | None = None,
    **options: Any,
) -> Training:
    """Train for two epochs, with the groups that `groups` asks for, or without any."""
    model = build_model("convnet", num_classes=4, image_size=16, attention=attention, seed=1)
    made = None if groups is None else trainable_groups(model, **{"lr": 0.05, **groups})
    settings = Recipe(epochs=2, batch_size=64, learning_rate=0.05, **(recipe or {}))
    return train(model, data, recipe=settings, numerics=FLOAT32, groups=made, **options)


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_groups_that_ask_for_nothing_of_their_own_change_no_bit(
    data: ImageData, recipe: dict[str, Any]
) -> None:
    usual = trained(data, recipe=recipe)
    grouped = trained(data, recipe=recipe, groups={})
    assert same(grouped.model, usual.model)
    assert [row.learning_rate for row in grouped.history] == [
        row.learning_rate for row in usual.history
    ]


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_each_group_follows_the_schedule_from_its_own_rate(recipe: dict[str, Any]) -> None:
    settings = Recipe(learning_rate=0.5, **recipe)
    model = nn.Linear(2, 2)
    groups = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.001}]
    optimizer = make_optimizer(groups, settings)
    steps = make_schedule(optimizer, settings, 20)
    rates = [steps.get_last_lr()]
    for _ in range(19):
        optimizer.step()
        steps.step()
        rates.append(steps.get_last_lr())
    assert [max(of_group) for of_group in zip(*rates, strict=True)] == pytest.approx([0.1, 0.001])
    assert all(slow == pytest.approx(fast / 100) for fast, slow in rates)
    assert [group["lr"] for group in groups] == [0.1, 0.001]  # the caller's own are left alone


def test_the_gates_learn_at_their_own_rate(data: ImageData) -> None:
    start = build_model("convnet", num_classes=4, image_size=16, attention="series", seed=1)
    still = trained(data, recipe={"weight_decay": 0}, groups={"gate_lr": 0.0}).model
    moved = {k for k, v in still.named_parameters() if not v.equal(start.get_parameter(k))}
    assert {"blocks.0.conv.weight", "head.logits.weight"} <= moved
    assert not any(".attention." in key for key in moved)


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
@pytest.mark.parametrize("freeze", [False, True])
def test_a_resumed_training_with_groups_is_bitwise_equal(
    data: ImageData, tmp_path: Path, recipe: dict[str, Any], freeze: bool
) -> None:
    groups = {"gate_lr": 0.01, "freeze_backbone": freeze}
    unbroken = trained(data, recipe=recipe, groups=groups)
    checkpoint = tmp_path / "checkpoint.pt"

    def stop(done: int, steps: int) -> None:
        if done == 7:  # of 5 an epoch
            raise StoppedError

    with pytest.raises(StoppedError):
        trained(data, recipe=recipe, groups=groups, checkpoint=checkpoint, on_step=stop)
    resumed = trained(data, recipe=recipe, groups=groups, checkpoint=checkpoint)
    assert same(resumed.model, unbroken.model)
    assert [(row.learning_rate, row.train_loss, row.test_loss) for row in resumed.history] == [
        (row.learning_rate, row.train_loss, row.test_loss) for row in unbroken.history
    ]


@pytest.mark.parametrize("attention", ["none", "series", "bam-paper"])
def test_a_frozen_backbone_stays_what_it_was(data: ImageData, attention: str) -> None:
    options: dict[str, Any] = {"num_classes": 4, "image_size": 16, "attention": attention}
    before = build_model("convnet", **options, seed=1).state_dict()
    model = trained(data, attention=attention, groups={"freeze_backbone": True}).model
    moved = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    of_gates = {key for key in before if ".attention." in key}
    assert moved == of_gates | {"head.logits.weight", "head.logits.bias"}


def test_the_norm_that_holds_a_gate_is_held_without_it() -> None:
    model = build_model("resnet18", attention="series").train()
    trainable_groups(model, lr=0.1, freeze_backbone=True)
    freeze_batch_norm_statistics(model)
    inside = {module for gate in gates_of(model).values() for module in gate.modules()}
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert {norm.training for norm in norms if norm in inside} == {True}
    assert {norm.training for norm in norms if norm not in inside} == {False}
    assert head_of(model).training
    model.train()
    assert all(module.training for module in model.modules())


def test_norms_that_learn_or_have_nothing_to_learn_follow_the_data() -> None:
    half = nn.BatchNorm2d(3)
    half.bias.requires_grad_(False)
    model = nn.Sequential(nn.BatchNorm2d(3), half, nn.BatchNorm2d(3, affine=False)).train()
    freeze_batch_norm_statistics(model)
    images: Tensor = torch.ones(2, 3, 4, 4)
    model(images)
    assert all(norm.training and int(norm.num_batches_tracked) == 1 for norm in model)  # type: ignore[arg-type]
