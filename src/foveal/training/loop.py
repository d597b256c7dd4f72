"""Training loop: epochs of training steps, each followed by evaluation and a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from foveal.errors import FovealError
from foveal.evaluation import Evaluation, Predictions, compute_metrics, predict
from foveal.module_modes import freeze_batch_norm_statistics
from foveal.seeding import derive_seed
from foveal.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from foveal.training.history import EpochMetrics
from foveal.training.numerics import (
    Numerics,
    autocast_context,
    get_memory_format,
    numerics_context,
    resolve_numerics,
)
from foveal.training.recipe import Recipe, make_optimizer, make_schedule
from foveal.training.weight_average import WeightAverage

_Batches = Iterator[tuple[Tensor, Tensor]]
EVALUATION_BATCH_SIZE = 500


class TrainingData(Protocol):
    """Data set interface required by `train`; `foveal.data.ImageData` implements it."""

    @property
    def train(self) -> Sized:
        """The training split."""

    def training_batches(
        self, *, batch_size: int, seed: int, epoch: int, device: torch.device | str
    ) -> _Batches:
        """Yield one epoch of augmented batches, fully determined by (seed, epoch)."""

    def batches(self, split: str, *, batch_size: int, device: torch.device | str) -> _Batches:
        """Yield the images of a split in their stored order."""


@dataclass(frozen=True)
class TrainingResult:
    """Trained model, its training curves, and its evaluation on the test set after the last epoch.

    `logits` (N, K) are those of the test set. `averaged_evaluation` is that of the mean weights of the last
    fifth of the training, which the model does not keep.
    """

    model: nn.Module
    history: tuple[EpochMetrics, ...]
    evaluation: Evaluation
    logits: Tensor
    averaged_evaluation: Evaluation
    images_per_second: float


@dataclass(frozen=True)
class TrainingContext:
    """Everything that all epochs of one training share."""

    device: torch.device
    state: TrainingState
    data: TrainingData
    recipe: Recipe
    numerics: Numerics
    seed: int
    steps_per_epoch: int


def train(
    model: nn.Module,
    data: TrainingData,
    *,
    recipe: Recipe | None = None,
    numerics: Numerics | None = None,
    seed: int = 0,
    groups: list[dict[str, Any]] | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
) -> TrainingResult:
    """Train `model` on `data` and evaluate it on the test set after each epoch.

    Args:
        model: returns logits (N, K); trained in place. A batch norm with frozen parameters keeps its
            running statistics.
        data: a data set, such as `foveal.data.load_data` returns.
        recipe: optimizer, schedule and length; by default the recipe of the ConvNet.
        numerics: device, threads, dtype, memory format and kernels; `auto` values are resolved here.
        seed: determines data order, augmentation and the model's own random draws, such as dropout.
        groups: parameter groups for the optimizer, such as `foveal.models.build_parameter_groups` returns,
            each with its own `lr`; by default all trainable parameters at the recipe's learning rate.
        checkpoint: a file, written after each epoch. If it exists, training resumes from it; on a CPU
            the result is bitwise equal to an uninterrupted training.
        on_step: called after each step with the completed steps and the total steps.
        on_epoch: called after each epoch with its metrics.

    Raises:
        FovealError: the loss is NaN or infinite.
    """
    numerics = resolve_numerics(numerics or Numerics())
    if groups is None:
        groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
    context = build_context(model, data, recipe or Recipe(), numerics, seed=seed, groups=groups)
    history: list[EpochMetrics] = []
    if checkpoint is not None and checkpoint.exists():
        history = load_checkpoint(checkpoint, context.state)
    predictions: Predictions | None = None
    with numerics_context(numerics), torch.random.fork_rng():
        for epoch in range(len(history), context.recipe.epochs):
            metrics, predictions = _run_epoch(context, epoch, on_step)
            history.append(metrics)
            if on_epoch is not None:
                on_epoch(metrics)
            if checkpoint is not None:
                save_checkpoint(checkpoint, context.state, history)
        if predictions is None:  # the checkpoint was already complete
            predictions = _predict_test_split(context)
        with context.state.average.applied():
            averaged_predictions = _predict_test_split(context)
    seconds = sum(metrics.time_seconds for metrics in history)
    images_per_second = len(data.train) * len(history) / seconds
    return TrainingResult(
        model,
        tuple(history),
        compute_metrics(predictions),
        predictions.logits,
        compute_metrics(averaged_predictions),
        images_per_second,
    )


def build_context(
    model: nn.Module, data: TrainingData, recipe: Recipe, numerics: Numerics, *,
    seed: int, groups: list[dict[str, Any]],
) -> TrainingContext:  # fmt: skip
    """Move the model to its device and return it with its optimizer and schedule."""
    device = torch.device(numerics.device)
    model.to(device, memory_format=get_memory_format(numerics))  # type: ignore[call-overload]
    optimizer = make_optimizer(groups, recipe)
    steps_per_epoch = -(-len(data.train) // recipe.batch_size)
    steps = recipe.epochs * steps_per_epoch
    schedule = make_schedule(optimizer, recipe, steps)
    state = TrainingState(model, optimizer, schedule, WeightAverage(model, steps))
    return TrainingContext(device, state, data, recipe, numerics, seed, steps_per_epoch)


def _run_epoch(
    context: TrainingContext, epoch: int, on_step: Callable[[int, int], None] | None
) -> tuple[EpochMetrics, Predictions]:
    """Train on every image once, then evaluate; no step synchronizes with the device."""
    # The model's own draws, such as dropout, depend only on (seed, epoch): a resumed run repeats them.
    torch.manual_seed(derive_seed(context.seed, "model", epoch))
    start = time.perf_counter()
    learning_rate = float(context.state.schedule.get_last_lr()[0])
    batches = context.data.training_batches(
        batch_size=context.recipe.batch_size,
        seed=context.seed,
        epoch=epoch,
        device=context.device,
    )
    context.state.model.train()
    freeze_batch_norm_statistics(context.state.model)
    total_steps = context.recipe.epochs * context.steps_per_epoch
    losses, correct_counts = [], []
    for step, (images, labels) in enumerate(
        apply_memory_format(batches, context.numerics), start=1
    ):
        logits = run_step(context, images, labels)
        context.state.average.update(epoch * context.steps_per_epoch + step)
        losses.append(nn.functional.cross_entropy(logits, labels, reduction="sum"))
        correct_counts.append((logits.argmax(1) == labels).sum())
        if on_step is not None:
            on_step(epoch * context.steps_per_epoch + step, total_steps)
    image_count = len(context.data.train)
    loss = float(torch.stack(losses).double().sum()) / image_count
    accuracy = int(torch.stack(correct_counts).sum()) / image_count
    seconds = round(time.perf_counter() - start, 3)
    predictions = _predict_test_split(context)
    _require_finite_losses(epoch + 1, loss, predictions.loss)
    metrics = EpochMetrics(
        epoch=epoch + 1, learning_rate=learning_rate, train_loss=loss, train_accuracy=accuracy,
        test_loss=predictions.loss, test_accuracy=predictions.accuracy, time_seconds=seconds,
    )  # fmt: skip
    return metrics, predictions


def run_step(context: TrainingContext, images: Tensor, labels: Tensor) -> Tensor:
    """Run one optimizer step on a batch; return the batch's logits from before the step, (B, K)."""
    with autocast_context(context.numerics, context.state.model):
        logits: Tensor = context.state.model(images).float()
    smoothing = context.recipe.label_smoothing
    loss = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    context.state.optimizer.step()
    context.state.schedule.step()
    context.state.optimizer.zero_grad(set_to_none=True)
    return logits.detach()


def _predict_test_split(context: TrainingContext) -> Predictions:
    """Return the model's predictions for the test set."""
    batches = context.data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=context.device)
    with autocast_context(context.numerics, context.state.model):
        return predict(context.state.model, apply_memory_format(batches, context.numerics))


def apply_memory_format(batches: _Batches, numerics: Numerics) -> _Batches:
    """Yield the batches with their images in the memory format of `numerics`."""
    memory_format = get_memory_format(numerics)
    for images, labels in batches:
        yield images.contiguous(memory_format=memory_format), labels


def _require_finite_losses(epoch: int, *losses: float) -> None:
    """Raise FovealError if a loss is NaN or infinite: training cannot recover from it."""
    if not all(math.isfinite(loss) for loss in losses):
        raise FovealError(
            f"Training diverged in epoch {epoch}: the loss is NaN or infinite. "
            "Lower the learning rate."
        )
