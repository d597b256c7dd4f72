"""Training job: a run with its images and its network, built, trained and summarized."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.models import LoadReport, build_model, build_parameter_groups, load_pretrained_weights
from foveal.records import schema
from foveal.study.config import RunConfig
from foveal.study.progress import Progress, ProgressWriter
from foveal.training import EpochMetrics, Numerics, TrainingResult, train
from foveal.variant_names import get_variant_name, has_attention

_STORED_TRAINING_IMAGES: Final = 40
"""Images of the first training batch that a run stores, for the report."""


@dataclass(frozen=True)
class TrainingJob:
    """A run that is ready to be trained.

    `model_options` are the arguments of `build_model`. `load_report` lists the loaded weights, and is None
    for random weights.
    """

    config: RunConfig
    data: ImageData
    model: nn.Module
    model_options: dict[str, Any]
    load_report: LoadReport | None = None


def build_job(config: RunConfig, data: ImageData) -> TrainingJob:
    """Build the network of a run and load its initial weights."""
    options = get_model_options(config, data)
    model = build_model(**options, seed=config.seed)
    if config.weights is None:
        return TrainingJob(config, data, model, options)
    report = load_pretrained_weights(
        model,
        Path(config.weights),
        source=config.weights_from,
        target=get_variant_name(config.attention) if has_attention(config.attention) else None,
    )
    return TrainingJob(config, data, model, options, report)


def get_model_options(config: RunConfig, data: ImageData) -> dict[str, Any]:
    """Return the arguments with which `build_model` builds the network of a run."""
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


def get_parameter_groups(job: TrainingJob) -> list[dict[str, Any]]:
    """Return the parameter groups of the optimizer."""
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
    job: TrainingJob, folder: Path, progress: Progress
) -> tuple[TrainingResult, dict[str, Any]]:
    """Train a job with its checkpoint in `folder`, and return the training and the results of the run."""
    start = time.perf_counter()
    writer = ProgressWriter(folder)

    def on_step(step: int, steps: int) -> None:
        writer.on_step(step, steps)
        progress.on_step(step, steps)

    def on_epoch(metrics: EpochMetrics) -> None:
        writer.on_epoch(metrics)
        progress.on_epoch(metrics)

    progress.on_run_start(job.config)
    training = train(
        job.model,
        job.data,
        recipe=job.config,
        numerics=get_numerics(job.config),
        seed=job.config.seed,
        groups=get_parameter_groups(job),
        checkpoint=folder / schema.CHECKPOINT_FILE,
        on_step=on_step,
        on_epoch=on_epoch,
    )
    progress.on_run_end(job.config)
    seconds = round(time.perf_counter() - start, 3)
    return training, _summarize_training(job, training) | {"seconds": seconds}


def _summarize_training(job: TrainingJob, training: TrainingResult) -> dict[str, Any]:
    """Return the results of a run after its final epoch, never those of its best epoch."""
    last_epoch, evaluation = training.history[-1], training.evaluation
    averaged = training.averaged_evaluation
    return {
        "variant": job.config.attention,
        "seed": job.config.seed,
        "test_accuracy": evaluation.accuracy,
        "test_loss": evaluation.loss,
        "top5_accuracy": evaluation.top5_accuracy,
        "train_accuracy": last_epoch.train_accuracy,
        "train_loss": last_epoch.train_loss,
        "calibration_error": evaluation.calibration_error,
        "averaged_test_accuracy": averaged.accuracy,
        "averaged_test_loss": averaged.loss,
        "averaged_top5_accuracy": averaged.top5_accuracy,
        "averaged_calibration_error": averaged.calibration_error,
        "parameters": sum(p.numel() for p in training.model.parameters()),
        "epochs": job.config.epochs,
        "weights": asdict(job.load_report) if job.load_report else None,
        "data": job.data.name,
        "data_checksum": job.data.checksum,
        "classes": list(job.data.classes),
        "images_per_second": round(training.images_per_second, 1),
    }


def collect_predictions(training: TrainingResult) -> dict[str, np.ndarray[Any, Any]]:
    """Return the predictions on the test set, in dtypes small enough to store with every run.

    The names of those of the averaged weights begin with `averaged_`.
    """
    evaluation, averaged = training.evaluation, training.averaged_evaluation
    predictions: dict[str, np.ndarray[Any, Any]] = {
        "labels": evaluation.labels.astype(np.uint16),
        "predicted": evaluation.predicted.astype(np.uint16),
        "correct": evaluation.correct,
        "confusion": evaluation.confusion,
        "log_loss": _to_float16(evaluation.log_losses),
        "brier": _to_float16(evaluation.brier_scores),
        "averaged_predicted": averaged.predicted.astype(np.uint16),
        "averaged_log_loss": _to_float16(averaged.log_losses),
        "averaged_brier": _to_float16(averaged.brier_scores),
    }
    if evaluation.correct_top5 is not None:
        predictions["correct_top5"] = evaluation.correct_top5.astype(np.float32)
    return predictions


def collect_log_probabilities(training: TrainingResult) -> dict[str, np.ndarray[Any, Any]]:
    """Return the log-probabilities of the classes for the test images, float16 (N, K)."""
    log_probabilities = training.logits.double().log_softmax(1).numpy()
    return {"log_probabilities": _to_float16(log_probabilities)}


def _to_float16(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return values in half precision, those beyond its range as its largest."""
    limit = np.finfo(np.float16).max
    return np.asarray(np.clip(values, -limit, limit), dtype=np.float16)


def collect_training_images(job: TrainingJob) -> dict[str, np.ndarray[Any, Any]]:
    """Return the first training images with their augmentation, uint8 (B, H, W, C), and their labels."""
    batches = job.data.training_batches(
        batch_size=_STORED_TRAINING_IMAGES, seed=job.config.seed, epoch=0
    )
    images, labels = next(batches)
    mean, std = np.array(job.data.mean), np.array(job.data.std)
    pixels = images.permute(0, 2, 3, 1).numpy() * std + mean
    return {
        "images": (pixels * 255).round().clip(0, 255).astype(np.uint8),
        "labels": labels.numpy(),
    }
