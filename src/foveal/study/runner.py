"""One run, from its config to its record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from torch import nn

from foveal.attention import parse_spec
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.evaluation import Evaluation, evaluate
from foveal.models import build_model, load_model, save_model
from foveal.records import RunRecord, is_complete, partial_path, read_run, schema, write_run
from foveal.records.run import read_config, write_config
from foveal.study.config import RunConfig, as_record, differences
from foveal.study.environment import environment
from foveal.study.progress import Progress
from foveal.study.setting import read_data, resolved
from foveal.training import Training, train
from foveal.training.loop import EVALUATION_BATCH, in_format
from foveal.training.numerics import Numerics, precision, threads_of

CHECKPOINT = "checkpoint.pt"
LOCK = "lock"
PICTURED = 40  # images of the training batch that the report shows


def run(
    config: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    data: ImageData | None = None,
    progress: Progress | None = None,
) -> RunRecord:
    """Train and evaluate as `config` says, and leave the record in `folder`.

    The folder is complete or absent: work goes on in `FOLDER.partial`, which is renamed at the end. A
    finished run with the same config is read, not run again.

    Raises:
        UsageError: the config cannot be met, the folder holds a run with another config, or an
            interrupted run is there and `resume` is false.
    """
    parse_spec(config.attention)  # a typo should not wait for the images
    data = data or read_data(config)
    aside = partial_path(folder)
    stored = stored_config(folder) or stored_config(aside)
    config = resolved(config, data, stored)
    model, built_with = make_model(config, data)
    if stored is not None:
        refuse_difference(folder, stored, config)
    if folder.exists():
        return read_run(folder)
    if stored is not None and not resume:
        raise UsageError(
            f"{aside} holds this run, interrupted: add --resume to go on with it, or delete the folder."
        )
    with working_in(aside):
        write_config(aside, as_record(config))
        job = Job(config, data, model, built_with)
        training, results = work(job, aside, progress or Progress())
        leave_record(job, aside, training, results | {"run": str(folder)})
    aside.rename(folder)
    (folder / CHECKPOINT).unlink(
        missing_ok=True
    )  # not before: a kill here must not cost the training
    return read_run(folder)


def stored_config(folder: Path) -> dict[str, Any] | None:
    """Return the config of the run in `folder`, None where there is no run."""
    if (folder / schema.CONFIG).is_file():
        return read_config(folder)
    if folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
        raise UsageError(f"{folder} exists and is not a run: choose another folder.")
    return None


def refuse_difference(folder: Path, stored: dict[str, Any], config: RunConfig) -> None:
    """Refuse to put a run where one with another config is."""
    found = differences(stored, as_record(config))
    if found:
        raise UsageError(
            f"{folder} holds a run with another config ({'; '.join(found)}): choose another folder."
        )


def make_model(config: RunConfig, data: ImageData) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network of a run; return it with the arguments it was built with."""
    channels, height, width = data.image_shape
    if height != width:
        raise UsageError(f"{config.model} needs square images. Found {height}x{width}.")
    built_with: dict[str, Any] = {
        "name": config.model,
        "num_classes": len(data.classes),
        "in_channels": channels,
        "image_size": height,
        "stem": config.stem,
        "attention": config.attention,
    }
    return build_model(**built_with, seed=config.seed), built_with


@contextmanager
def working_in(aside: Path) -> Iterator[None]:
    """Hold the folder of an unfinished run against any other process."""
    aside.mkdir(parents=True, exist_ok=True)
    lock = FileLock(aside / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"Another process is working on {aside}: wait for it to end.") from error
    try:
        yield
    finally:
        (aside / LOCK).unlink(missing_ok=True)
        lock.release()


@dataclass(frozen=True)
class Job:
    """A run that is ready to be trained."""

    config: RunConfig
    data: ImageData
    model: nn.Module
    built_with: dict[str, Any]


def work(job: Job, aside: Path, progress: Progress) -> tuple[Training, dict[str, Any]]:
    """Train, with a checkpoint in `aside`, and return what came of it with its figures."""
    start = time.perf_counter()
    progress.begin_run(job.config)
    training = train(
        job.model,
        job.data,
        recipe=job.config,
        numerics=config_numerics(job.config),
        seed=job.config.seed,
        checkpoint=aside / CHECKPOINT,
        on_step=progress.step,
        on_epoch=progress.epoch,
    )
    progress.end_run(job.config)
    seconds = round(time.perf_counter() - start, 3)
    return training, summary(job.config, training, job.data) | {"seconds": seconds}


def leave_record(job: Job, aside: Path, training: Training, results: dict[str, Any]) -> None:
    """Write all that a run leaves; its results come last and make it complete."""
    save_model(training.model, aside / schema.MODEL, **job.built_with)
    write_run(
        aside,
        environment=environment(),
        metrics=[asdict(row) for row in training.history],
        results=results,
        predictions=per_image(training.evaluation),
        training_batch=first_images(job.config, job.data),
    )


def config_numerics(config: RunConfig) -> Numerics:
    """Return the numerics of a config."""
    return Numerics(**{name: getattr(config, name) for name in Numerics.model_fields})


def summary(config: RunConfig, training: Training, data: ImageData) -> dict[str, Any]:
    """Return the figures of a run: those of its final epoch, never of its best."""
    last, measured = training.history[-1], training.evaluation
    return {
        "variant": config.attention,
        "seed": config.seed,
        "test_accuracy": measured.accuracy,
        "test_loss": measured.loss,
        "top5_accuracy": measured.top5_accuracy,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "calibration_error": measured.calibration_error,
        "parameters": sum(p.numel() for p in training.model.parameters()),
        "epochs": config.epochs,
        "data": data.name,
        "data_checksum": data.checksum,
        "classes": list(data.classes),
        "images_per_second": round(training.images_per_second, 1),
    }


def per_image(measured: Evaluation) -> dict[str, np.ndarray[Any, Any]]:
    """Return what was said of each test image, small enough to keep for every run."""
    kept: dict[str, np.ndarray[Any, Any]] = {
        "labels": measured.labels.astype(np.uint16),
        "predicted": measured.predicted.astype(np.uint16),
        "correct": measured.correct,
        "confusion": measured.confusion,
    }
    if measured.correct_top5 is not None:
        kept["correct_top5"] = measured.correct_top5
    return kept


def first_images(config: RunConfig, data: ImageData) -> dict[str, np.ndarray[Any, Any]]:
    """Return the first images of the training as the network saw them, uint8 (B, H, W, C)."""
    batches = data.training_batches(batch_size=PICTURED, seed=config.seed, epoch=0)
    images, labels = next(batches)
    mean, std = np.array(data.mean), np.array(data.std)
    pixels = images.permute(0, 2, 3, 1).numpy() * std + mean
    return {
        "images": (pixels * 255).round().clip(0, 255).astype(np.uint8),
        "labels": labels.numpy(),
    }


def evaluate_run(folder: Path, *, source: str | None = None) -> Evaluation:
    """Evaluate the weights of a finished run on its own test set, or on that of `source`."""
    if not is_complete(folder):
        raise UsageError(f"{folder} is not a finished run.")
    config = RunConfig(**read_config(folder))
    if source is not None:
        config = config.model_copy(update={"data": source, "train_size": None, "test_size": None})
    model, data, numerics = (
        load_model(folder / schema.MODEL),
        read_data(config),
        config_numerics(config),
    )
    model.to(numerics.device)
    with threads_of(numerics), precision(numerics):
        batches = data.batches("test", batch_size=EVALUATION_BATCH, device=numerics.device)
        return evaluate(model, in_format(batches, numerics))
