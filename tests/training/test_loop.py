"""The loop learns, draws what its seed says, and goes on after a break as if there had been none."""

from pathlib import Path

import pytest
import torch
from torch import nn

from foveal.data import ImageData
from foveal.errors import FovealError
from foveal.models import build_model
from foveal.training import Epoch, Numerics, Recipe, Training, train

FLOAT32 = Numerics(device="cpu", threads=1, dtype="float32", memory_format="channels_last")


class StoppedError(Exception):
    pass


def trained(
    data: ImageData, *, attention: str = "series", numerics: Numerics = FLOAT32, **options: object
) -> Training:
    recipe = Recipe(epochs=3, batch_size=64, learning_rate=0.05)
    model = build_model("convnet", num_classes=4, image_size=16, attention=attention, seed=1)
    return train(model, data, recipe=recipe, numerics=numerics, seed=1, **options)  # type: ignore[arg-type]


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(x, y)
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def curves(training: Training) -> list[tuple[float, ...]]:
    return [
        (row.learning_rate, row.train_loss, row.train_accuracy, row.test_loss, row.test_accuracy)
        for row in training.history
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_learns_and_reports_its_final_epoch(data: ImageData, dtype: str) -> None:
    result = trained(data, numerics=FLOAT32.model_copy(update={"dtype": dtype}))
    assert [row.epoch for row in result.history] == [1, 2, 3]
    assert result.history[-1].test_accuracy > 0.9
    assert result.evaluation.accuracy == result.history[-1].test_accuracy
    assert result.evaluation.loss == result.history[-1].test_loss
    assert result.images_per_second > 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_resumed_training_is_bitwise_equal(
    data: ImageData, tmp_path: Path, stop_after: int, dtype: str
) -> None:
    numerics = FLOAT32.model_copy(update={"dtype": dtype})
    unbroken = trained(data, numerics=numerics)
    checkpoint = tmp_path / "checkpoint.pt"

    def stop(done: int, steps: int) -> None:
        if done == stop_after * 5 + 2:  # in the middle of the epoch after
            raise StoppedError

    if stop_after < 3:
        with pytest.raises(StoppedError):
            trained(data, numerics=numerics, checkpoint=checkpoint, on_step=stop)
    else:
        trained(data, numerics=numerics, checkpoint=checkpoint)
    seen: list[Epoch] = []
    resumed = trained(data, numerics=numerics, checkpoint=checkpoint, on_epoch=seen.append)
    assert len(seen) == 3 - stop_after
    assert curves(resumed) == curves(unbroken)
    assert same_weights(resumed.model, unbroken.model)


def test_same_seed_same_result_whatever_was_drawn_before(data: ImageData) -> None:
    first = trained(data)
    torch.rand(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    second = trained(data)
    assert same_weights(first.model, second.model)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_memory_format_moves_last_bits_only(data: ImageData) -> None:
    contiguous = FLOAT32.model_copy(update={"memory_format": "contiguous"})
    one, other = trained(data), trained(data, numerics=contiguous)
    assert one.history[0].train_loss == pytest.approx(other.history[0].train_loss, rel=1e-3)


@pytest.mark.parametrize("options", [{"optimizer": "adamw"}, {"schedule": "cosine"}], ids=str)
def test_other_recipes_learn(data: ImageData, options: dict[str, str]) -> None:
    rate = 0.003 if "optimizer" in options else 0.05
    recipe = Recipe(epochs=3, batch_size=64, learning_rate=rate, **options)  # type: ignore[arg-type]
    model = build_model("convnet", num_classes=4, image_size=16)
    result = train(model, data, recipe=recipe, numerics=FLOAT32)
    assert result.history[-1].test_accuracy > 0.8
    assert (
        result.history[-1].learning_rate < result.history[0].learning_rate
        or "schedule" not in options
    )


def test_divergence_is_an_error_and_no_result(data: ImageData) -> None:
    model = build_model("convnet", num_classes=4, image_size=16)
    recipe = Recipe(epochs=2, batch_size=64, learning_rate=1e9)
    with pytest.raises(FovealError, match="Training diverged in epoch 1"):
        train(model, data, recipe=recipe, numerics=FLOAT32)


def test_a_damaged_checkpoint_is_named(data: ImageData, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(FovealError, match=r"checkpoint\.pt is damaged"):
        trained(data, checkpoint=checkpoint)
