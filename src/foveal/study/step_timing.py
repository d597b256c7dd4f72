"""Step timing: a few real training steps of each variant, interleaved, for a plan and for a study's record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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

_WARM_UP_STEPS: Final = 3
_MEASURED_STEPS: Final = 9
_MIN_STEPS: Final = 3
"""Steps of each variant, however slow they are."""
_USEFUL_STEPS: Final = _WARM_UP_STEPS + _MEASURED_STEPS
"""Steps of each variant from which a shorter limit of time counts: fewer vary too much on a busy machine."""
_MAX_SECONDS: Final = 15.0
"""Time after which no further round starts."""
_SCHEDULE_EPOCHS: Final = 1000
"""Epochs of the learning-rate schedule, more than the timing can take."""
_EVALUATION_ROUNDS: Final = 2
_EVALUATED_BATCHES: Final = 2


@dataclass(frozen=True)
class StepTimes:
    """Median seconds of a training step, and seconds of evaluating an image."""

    step_seconds: float
    image_seconds: float


def measure_step_times(configs: Sequence[RunConfig], data: ImageData) -> dict[str, StepTimes]:
    """Return the step times of each variant on these images, measured interleaved.

    A disturbance of the machine therefore affects all variants equally.
    """
    contexts = {config.attention: _build_timing_context(config, data) for config in configs}
    step_seconds = _time_steps(contexts, _MEASURED_STEPS, _MAX_SECONDS)
    image_seconds: dict[str, list[float]] = {variant: [] for variant in contexts}
    numerics = next(iter(contexts.values())).numerics
    with numerics_context(numerics), torch.random.fork_rng():
        for _ in range(_EVALUATION_ROUNDS):
            for variant, context in contexts.items():
                image_seconds[variant].append(_time_evaluation(context))
    return {
        variant: StepTimes(float(np.median(step_seconds[variant])), min(image_seconds[variant]))
        for variant in contexts
    }


def measure_step_seconds(
    configs: Sequence[RunConfig], data: ImageData, *, steps: int, max_seconds: float
) -> dict[str, list[float]]:
    """Return the seconds of some steps of each variant on these images, measured interleaved.

    Args:
        configs: one config per variant.
        data: their images.
        steps: number of steps of each variant.
        max_seconds: time after which no further step of each variant starts, once nine are measured.
    """
    contexts = {config.attention: _build_timing_context(config, data) for config in configs}
    seconds = _time_steps(contexts, steps, max_seconds)
    is_on_gpu = next(iter(contexts.values())).device.type == "cuda"
    contexts.clear()
    if is_on_gpu:
        torch.cuda.empty_cache()  # other processes may train on this GPU
    return seconds


def _time_steps(
    contexts: Mapping[str, TrainingContext], steps: int, max_seconds: float
) -> dict[str, list[float]]:
    """Return the seconds of the steps of each variant, taken in turns, without those of the warm-up."""
    batches = {variant: _iterate_batches(context) for variant, context in contexts.items()}
    seconds: dict[str, list[float]] = {variant: [] for variant in contexts}
    numerics = next(iter(contexts.values())).numerics
    start = time.monotonic()
    with numerics_context(numerics), torch.random.fork_rng():
        for round_index in range(_WARM_UP_STEPS + steps):
            limit = max_seconds if round_index >= _USEFUL_STEPS else _MAX_SECONDS
            if round_index >= _MIN_STEPS and time.monotonic() - start > limit:
                break
            for variant, context in contexts.items():
                seconds[variant].append(_time_step(context, batches[variant]))
    return {variant: _drop_warm_up(values) for variant, values in seconds.items()}


def _drop_warm_up(seconds: list[float]) -> list[float]:
    """Return the times without the first 3 steps, or without the first third of fewer than 9 steps.

    >>> _drop_warm_up([9.0] * 3 + [1.0] * 6), _drop_warm_up([9.0, 2.0, 2.0])
    ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [2.0, 2.0])
    """
    return seconds[min(_WARM_UP_STEPS, len(seconds) // 3) :]


def _build_timing_context(config: RunConfig, data: ImageData) -> TrainingContext:
    """Build the network of a run and make it ready to train, as the run does."""
    job = build_job(config, data)
    return build_context(
        job.model,
        data,
        config.model_copy(update={"epochs": _SCHEDULE_EPOCHS}),
        get_numerics(config),
        seed=config.seed,
        groups=get_parameter_groups(job),
    )


def _iterate_batches(context: TrainingContext) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the training batches of one epoch after another, in the memory format of the run."""
    for epoch in count():
        batches = context.data.training_batches(
            batch_size=context.recipe.batch_size,
            seed=context.seed,
            epoch=epoch,
            device=context.device,
        )
        yield from apply_memory_format(batches, context.numerics)


def _time_step(context: TrainingContext, batches: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Return the seconds of one training step, including its batch."""
    context.state.model.train()
    start = time.perf_counter()
    run_step(context, *next(batches))
    _synchronize(context)
    return time.perf_counter() - start


def _time_evaluation(context: TrainingContext) -> float:
    """Return the seconds of evaluating one image, measured on two batches."""
    batches = context.data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=context.device)
    first_batches = islice(batches, _EVALUATED_BATCHES)
    start = time.perf_counter()
    with autocast_context(context.numerics, context.state.model):
        predictions = predict(
            context.state.model, apply_memory_format(first_batches, context.numerics)
        )
    _synchronize(context)
    return (time.perf_counter() - start) / len(predictions.labels)


def _synchronize(context: TrainingContext) -> None:
    """Wait until the device has finished its work."""
    if context.device.type == "cuda":
        torch.cuda.synchronize()
