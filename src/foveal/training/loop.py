"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from foveal.errors import FovealError
from foveal.evaluation import Evaluation, Predictions, measure, predict
from foveal.module_modes import freeze_batch_norm_statistics
from foveal.seeding import derive_seed
from foveal.training.checkpoint import State, load_checkpoint, save_checkpoint
from foveal.training.history import Epoch
from foveal.training.numerics import (
    Numerics,
    arithmetic_of,
    precision,
    resolve,
    torch_memory_format,
)
from foveal.training.recipe import Recipe, make_optimizer, make_schedule

Batches = Iterator[tuple[Tensor, Tensor]]
EVALUATION_BATCH = 500


class Data(Protocol):
    """What training needs of a data set; `foveal.data.ImageData` has it."""

    @property
    def train(self) -> Sized:
        """The training split."""

    def training_batches(
        self, *, batch_size: int, seed: int, epoch: int, device: torch.device | str
    ) -> Batches:
        """Yield one epoch of augmented batches, the same for the same (seed, epoch)."""

    def batches(self, split: str, *, batch_size: int, device: torch.device | str) -> Batches:
        """Yield the images of a split in their order."""


@dataclass(frozen=True)
class Training:
    """A trained model, its curves, and the test set as the final epoch left it."""

    model: nn.Module
    history: tuple[Epoch, ...]
    evaluation: Evaluation
    images_per_second: float


def train(
    model: nn.Module,
    data: Data,
    *,
    recipe: Recipe | None = None,
    numerics: Numerics | None = None,
    seed: int = 0,
    groups: list[dict[str, Any]] | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[[int, int], None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Training:
    """Train `model` on `data` and evaluate it on the test set after each epoch.

    Args:
        model: returns logits (N, K); it is trained in place. A batch norm whose parameters are frozen
            keeps its statistics.
        data: such as `foveal.data.load_data` returns.
        recipe: optimizer, schedule and length; by default that of the ConvNet.
        numerics: threads, dtype, memory format and device, resolved here where they are `auto`.
        seed: of data order, augmentation, and what the model itself draws.
        groups: what the optimizer is given, such as `foveal.models.trainable_groups` returns, each at
            its own `lr`; by default all parameters that ask for gradients, at the recipe's.
        checkpoint: a file, written after each epoch. Where it exists, training goes on from there, and on
            a CPU ends bitwise equal to a training without a break.
        on_step: called after each step with the steps done and the steps in all.
        on_epoch: called after each epoch.

    Raises:
        FovealError: the loss is no longer a number.
    """
    numerics = resolve(numerics or Numerics())
    if groups is None:
        groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
    loop = prepare(model, data, recipe or Recipe(), numerics, seed=seed, groups=groups)
    resuming = checkpoint is not None and checkpoint.exists()
    history = load_checkpoint(checkpoint, loop.state) if checkpoint and resuming else []
    predictions: Predictions | None = None
    with arithmetic_of(numerics), torch.random.fork_rng():
        for epoch in range(len(history), loop.recipe.epochs):
            row, predictions = one_epoch(loop, epoch, on_step)
            history.append(row)
            if on_epoch is not None:
                on_epoch(row)
            if checkpoint is not None:
                save_checkpoint(checkpoint, loop.state, history)
        if predictions is None:  # the checkpoint was that of the last epoch
            predictions = predict_test(loop)
    trained = loop.accelerator.unwrap_model(loop.state.model)
    seconds = sum(row.time_seconds for row in history)
    speed = len(data.train) * len(history) / seconds
    return Training(trained, tuple(history), measure(predictions), speed)


@dataclass(frozen=True)
class Loop:
    """What all epochs of one training share; `steps` are those of one epoch."""

    accelerator: Accelerator
    state: State
    data: Data
    recipe: Recipe
    numerics: Numerics
    seed: int
    steps: int


def prepare(
    model: nn.Module, data: Data, recipe: Recipe, numerics: Numerics, *,
    seed: int, groups: list[dict[str, Any]],
) -> Loop:  # fmt: skip
    """Move the model to its device and make what moves its weights."""
    accelerator = Accelerator(cpu=numerics.device == "cpu")
    memory_format = torch_memory_format(numerics)
    model.to(accelerator.device, memory_format=memory_format)  # type: ignore[call-overload]
    model, optimizer = accelerator.prepare(model, make_optimizer(groups, recipe))
    steps = -(-len(data.train) // recipe.batch_size)
    schedule = make_schedule(optimizer.optimizer, recipe, recipe.epochs * steps)
    state = State(model, optimizer, schedule)
    return Loop(accelerator, state, data, recipe, numerics, seed, steps)


def one_epoch(
    loop: Loop, epoch: int, on_step: Callable[[int, int], None] | None
) -> tuple[Epoch, Predictions]:
    """Train on every image once, then evaluate; nothing waits for the device in between."""
    # What the model draws itself (dropout, say) hangs on (seed, epoch): a resumed run draws the same.
    torch.manual_seed(derive_seed(loop.seed, "model", epoch))
    start = time.perf_counter()
    rate = float(loop.state.schedule.get_last_lr()[0])
    batches = loop.data.training_batches(
        batch_size=loop.recipe.batch_size,
        seed=loop.seed,
        epoch=epoch,
        device=loop.accelerator.device,
    )
    loop.state.model.train()
    freeze_batch_norm_statistics(loop.state.model)
    losses, hits = [], []
    for done, (images, labels) in enumerate(in_format(batches, loop.numerics), start=1):
        logits = one_step(loop, images, labels)
        losses.append(nn.functional.cross_entropy(logits, labels, reduction="sum"))
        hits.append((logits.argmax(1) == labels).sum())
        if on_step is not None:
            on_step(epoch * loop.steps + done, loop.recipe.epochs * loop.steps)
    count = len(loop.data.train)
    loss = float(torch.stack(losses).double().sum()) / count
    accuracy = int(torch.stack(hits).sum()) / count
    seconds = round(time.perf_counter() - start, 3)
    predictions = predict_test(loop)
    refuse_divergence(epoch + 1, loss, predictions.loss)
    row = Epoch(epoch + 1, rate, loss, accuracy, predictions.loss, predictions.accuracy, seconds)
    return row, predictions


def one_step(loop: Loop, images: Tensor, labels: Tensor) -> Tensor:
    """Take one step down the loss of a batch; return its logits from before the step."""
    with precision(loop.numerics):
        logits: Tensor = loop.state.model(images).float()
    smoothing = loop.recipe.label_smoothing
    loss = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    loop.accelerator.backward(loss)
    loop.state.optimizer.step()
    loop.state.schedule.step()
    loop.state.optimizer.zero_grad(set_to_none=True)
    return logits.detach()


def predict_test(loop: Loop) -> Predictions:
    """Return what the model says of the test set."""
    device = loop.accelerator.device
    batches = loop.data.batches("test", batch_size=EVALUATION_BATCH, device=device)
    with precision(loop.numerics):
        return predict(loop.state.model, in_format(batches, loop.numerics))


def in_format(batches: Batches, numerics: Numerics) -> Batches:
    """Lay the images of each batch in memory as the numerics say."""
    memory_format = torch_memory_format(numerics)
    for images, labels in batches:
        yield images.contiguous(memory_format=memory_format), labels


def refuse_divergence(epoch: int, *losses: float) -> None:
    """Stop a training whose loss is no number: nothing after it would be one."""
    if not all(math.isfinite(loss) for loss in losses):
        raise FovealError(
            f"Training diverged in epoch {epoch}: the loss is no longer a number. "
            "Lower the learning rate."
        )
