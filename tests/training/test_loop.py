"""Training loop: it learns, depends only on its seed, and resumes with bitwise equal results."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from foveal.data import ImageData
from foveal.errors import FovealError
from foveal.training import EpochMetrics, TrainingResult
from training.small_training import (
    FLOAT32,
    STEPS_PER_EPOCH,
    InterruptError,
    get_curves,
    have_equal_weights,
    train_small,
)


def train_three_epochs(
    data: ImageData, *, dtype: str = "float32", **options: Any
) -> TrainingResult:
    numerics = FLOAT32.model_copy(update={"dtype": dtype})
    return train_small(data, recipe={"epochs": 3}, numerics=numerics, seed=1, **options)


train_three_epochs_once = cache(train_three_epochs)  # of trainings that several tests look at


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_learns_and_reports_its_last_epoch(data: ImageData, dtype: str) -> None:
    result = train_three_epochs_once(data, dtype=dtype)
    assert [row.epoch for row in result.history] == [1, 2, 3]
    assert result.history[-1].test_accuracy > 0.9
    assert result.evaluation.accuracy == result.history[-1].test_accuracy
    assert result.evaluation.loss == result.history[-1].test_loss
    assert result.images_per_second > 0


@pytest.mark.parametrize(
    ("epochs_before", "dtype"), [(1, "float32"), (2, "float32"), (3, "float32"), (2, "bfloat16")]
)
def test_resumed_training_is_bitwise_equal(
    data: ImageData, tmp_path: Path, epochs_before: int, dtype: str
) -> None:
    uninterrupted = train_three_epochs_once(data, dtype=dtype)
    checkpoint = tmp_path / "checkpoint.pt"
    if epochs_before < 3:
        step = epochs_before * STEPS_PER_EPOCH + 2  # in the middle of the next epoch
        with pytest.raises(InterruptError):
            train_three_epochs(data, dtype=dtype, checkpoint=checkpoint, interrupt_at=step)
    else:
        train_three_epochs(data, dtype=dtype, checkpoint=checkpoint)
    rows: list[EpochMetrics] = []
    resumed = train_three_epochs(data, dtype=dtype, checkpoint=checkpoint, on_epoch=rows.append)
    assert len(rows) == 3 - epochs_before
    assert get_curves(resumed) == get_curves(uninterrupted)
    assert have_equal_weights(resumed.model, uninterrupted.model)
    assert resumed.averaged_evaluation.loss == uninterrupted.averaged_evaluation.loss


def test_result_depends_on_the_seed_and_not_on_earlier_draws(data: ImageData) -> None:
    first = train_three_epochs_once(data, dtype="float32")
    torch.rand(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    second = train_three_epochs(data)
    assert have_equal_weights(first.model, second.model)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_memory_format_changes_only_the_last_bits(data: ImageData) -> None:
    contiguous = FLOAT32.model_copy(update={"memory_format": "contiguous"})
    contiguous_result = train_small(data, recipe={"epochs": 3}, numerics=contiguous, seed=1)
    first_loss = train_three_epochs_once(data, dtype="float32").history[0].train_loss
    assert first_loss == pytest.approx(contiguous_result.history[0].train_loss, rel=1e-3)


@pytest.mark.parametrize("options", [{"optimizer": "adamw"}, {"schedule": "cosine"}], ids=str)
def test_other_optimizers_and_schedules_learn(data: ImageData, options: dict[str, str]) -> None:
    rate = 0.003 if "optimizer" in options else 0.05
    recipe = {"epochs": 3, "learning_rate": rate, **options}
    history = train_small(data, attention="none", recipe=recipe).history
    assert history[-1].test_accuracy > 0.8
    assert history[-1].learning_rate < history[0].learning_rate or "schedule" not in options


def test_divergence_raises_an_error(data: ImageData) -> None:
    with pytest.raises(FovealError, match="Training diverged in epoch 1"):
        train_small(data, attention="none", recipe={"learning_rate": 1e9})


def test_error_names_a_damaged_checkpoint(data: ImageData, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(FovealError, match=r"checkpoint\.pt is damaged"):
        train_small(data, checkpoint=checkpoint)
