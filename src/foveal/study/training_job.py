"""One run while its network is at hand: built, trained, measured."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from foveal.attention import parse_variant
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.evaluation import Evaluation
from foveal.models import LoadReport, build_model, build_parameter_groups, load_pretrained
from foveal.records import schema
from foveal.study.config import RunConfig
from foveal.study.progress import Heartbeat, Progress
from foveal.training import Numerics, TrainingResult, train
from foveal.variant_names import WITHOUT_ATTENTION

PICTURED = 40  # images of the training batch that the report shows


@dataclass(frozen=True)
class Job:
    """A run that is ready to be trained.

    `built_with` are the arguments of `build_model`; `loaded` says what became of the weights it starts
    from, if there are any.
    """

    config: RunConfig
    data: ImageData
    model: nn.Module
    built_with: dict[str, Any]
    loaded: LoadReport | None = None


def build_job(config: RunConfig, data: ImageData) -> Job:
    """Build the network of a run, with the weights it starts from."""
    built_with = build_options(config, data)
    model = build_model(**built_with, seed=config.seed)
    if config.weights is None:
        return Job(config, data, model, built_with)
    spec = parse_variant(config.attention)
    loaded = load_pretrained(
        model,
        Path(config.weights),
        source=config.weights_from,
        target=None if spec.name in WITHOUT_ATTENTION else spec.name,
    )
    return Job(config, data, model, built_with, loaded)


def build_options(config: RunConfig, data: ImageData) -> dict[str, Any]:
    """Return the arguments with which `build_model` makes the network of a run."""
    channels, height, width = data.image_shape
    if height != width:
        raise UsageError(f"{config.model} needs square images. Found {height}x{width}.")
    return {
        "name": config.model,
        "num_classes": len(data.classes),
        "in_channels": channels,
        "image_size": height,
        "stem": config.stem,
        "attention": config.attention,
        "start": config.start,
    }


def parameter_groups(job: Job) -> list[dict[str, Any]]:
    """Return what the optimizer is given."""
    return build_parameter_groups(
        job.model,
        lr=job.config.learning_rate,
        gate_lr=job.config.gate_learning_rate,
        freeze_backbone=job.config.freeze_backbone,
    )


def get_numerics(config: RunConfig) -> Numerics:
    """Return the numerics of a config."""
    return Numerics(**{name: getattr(config, name) for name in Numerics.model_fields})


def run_training(
    job: Job, aside: Path, progress: Progress
) -> tuple[TrainingResult, dict[str, Any]]:
    """Train, with a checkpoint in `aside`, and return what came of it with its figures."""
    start = time.perf_counter()
    heartbeat = Heartbeat(aside)

    def on_step(done: int, steps: int) -> None:
        heartbeat.step(done, steps)
        progress.step(done, steps)

    progress.begin_run(job.config)
    training = train(
        job.model,
        job.data,
        recipe=job.config,
        numerics=get_numerics(job.config),
        seed=job.config.seed,
        groups=parameter_groups(job),
        checkpoint=aside / schema.CHECKPOINT,
        on_step=on_step,
        on_epoch=progress.epoch,
    )
    progress.end_run(job.config)
    seconds = round(time.perf_counter() - start, 3)
    return training, summary(job, training) | {"seconds": seconds}


def summary(job: Job, training: TrainingResult) -> dict[str, Any]:
    """Return the figures of a run: those of its final epoch, never of its best."""
    last, measured = training.history[-1], training.evaluation
    return {
        "variant": job.config.attention,
        "seed": job.config.seed,
        "test_accuracy": measured.accuracy,
        "test_loss": measured.loss,
        "top5_accuracy": measured.top5_accuracy,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "calibration_error": measured.calibration_error,
        "parameters": sum(p.numel() for p in training.model.parameters()),
        "epochs": job.config.epochs,
        "weights": asdict(job.loaded) if job.loaded else None,
        "data": job.data.name,
        "data_checksum": job.data.checksum,
        "classes": list(job.data.classes),
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


def first_images(job: Job) -> dict[str, np.ndarray[Any, Any]]:
    """Return the first images of the training as the network saw them, uint8 (B, H, W, C)."""
    batches = job.data.training_batches(batch_size=PICTURED, seed=job.config.seed, epoch=0)
    images, labels = next(batches)
    mean, std = np.array(job.data.mean), np.array(job.data.std)
    pixels = images.permute(0, 2, 3, 1).numpy() * std + mean
    return {
        "images": (pixels * 255).round().clip(0, 255).astype(np.uint8),
        "labels": labels.numpy(),
    }
