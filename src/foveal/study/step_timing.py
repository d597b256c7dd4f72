"""Step timing: a few real training steps of each variant, interleaved, to estimate the time of a study."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import numpy as np
import torch
from torch import Tensor

from foveal.data import ImageData
from foveal.evaluation import predict
from foveal.study.config import RunConfig
from foveal.study.training_job import build_job, get_numerics, get_parameter_groups
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    TrainingContext,
    apply_memory_format,
    autocast_context,
    build_context,
    numerics_context,
    run_step,
)

WARM_UP_STEPS: Final = 3
MEASURED_STEPS: Final = 9
MIN_STEPS: Final = 3
"""Steps of each variant, however slow they are."""
MAX_SECONDS: Final = 15.0
"""Time after which no further round starts."""
SCHEDULE_EPOCHS: Final = 1000
"""Epochs of the learning-rate schedule, more than the timing can take."""
EVALUATION_ROUNDS: Final = 2
EVALUATED_BATCHES: Final = 2


@dataclass(frozen=True)
class StepTimes:
    """Median seconds of a training step, and seconds of evaluating an image."""

    step_seconds: float
    image_seconds: float


def measure_step_times(configs: Sequence[RunConfig], data: ImageData) -> dict[str, StepTimes]:
    """Return the step times of each variant on these images, measured interleaved.

    A disturbance of the machine therefore affects all variants equally.
    """
    contexts = {config.attention: build_timing_context(config, data) for config in configs}
    batches = {variant: iterate_batches(context) for variant, context in contexts.items()}
    step_seconds: dict[str, list[float]] = {variant: [] for variant in contexts}
    image_seconds: dict[str, list[float]] = {variant: [] for variant in contexts}
    numerics = next(iter(contexts.values())).numerics
    start = time.monotonic()
    with numerics_context(numerics), torch.random.fork_rng():
        for round_index in range(WARM_UP_STEPS + MEASURED_STEPS):
            if round_index >= MIN_STEPS and time.monotonic() - start > MAX_SECONDS:
                break
            for variant, context in contexts.items():
                step_seconds[variant].append(time_step(context, batches[variant]))
        for _ in range(EVALUATION_ROUNDS):
            for variant, context in contexts.items():
                image_seconds[variant].append(time_evaluation(context))
    return {
        variant: StepTimes(median_after_warm_up(step_seconds[variant]), min(image_seconds[variant]))
        for variant in contexts
    }


def median_after_warm_up(seconds: list[float]) -> float:
    """Return the median without the first 3 steps, or without the first third of fewer than 9 steps.

    >>> median_after_warm_up([9.0] * 3 + [1.0] * 9), median_after_warm_up([9.0, 2.0, 2.0])
    (1.0, 2.0)
    """
    warm_up_steps = min(WARM_UP_STEPS, len(seconds) // 3)
    return float(np.median(seconds[warm_up_steps:]))


def build_timing_context(config: RunConfig, data: ImageData) -> TrainingContext:
    """Build the network of a run and make it ready to train, as the run does."""
    job = build_job(config, data)
    return build_context(
        job.model,
        data,
        config.model_copy(update={"epochs": SCHEDULE_EPOCHS}),
        get_numerics(config),
        seed=config.seed,
        groups=get_parameter_groups(job),
    )


def iterate_batches(context: TrainingContext) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the training batches of one epoch after another, in the memory format of the run."""
    for epoch in count():
        batches = context.data.training_batches(
            batch_size=context.recipe.batch_size,
            seed=context.seed,
            epoch=epoch,
            device=context.device,
        )
        yield from apply_memory_format(batches, context.numerics)


def time_step(context: TrainingContext, batches: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Return the seconds of one training step, including its batch."""
    context.state.model.train()
    start = time.perf_counter()
    run_step(context, *next(batches))
    synchronize(context)
    return time.perf_counter() - start


def time_evaluation(context: TrainingContext) -> float:
    """Return the seconds of evaluating one image, measured on two batches."""
    batches = context.data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=context.device)
    first_batches = islice(batches, EVALUATED_BATCHES)
    start = time.perf_counter()
    with autocast_context(context.numerics):
        predictions = predict(
            context.state.model, apply_memory_format(first_batches, context.numerics)
        )
    synchronize(context)
    return (time.perf_counter() - start) / len(predictions.labels)


def synchronize(context: TrainingContext) -> None:
    """Wait until the device has finished its work."""
    if context.device.type == "cuda":
        torch.cuda.synchronize()
