"""A few real steps of each variant, taken in turns, to know what a study will take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import torch
from torch import Tensor

from foveal.data import ImageData
from foveal.evaluation import predict
from foveal.study.config import RunConfig
from foveal.study.training_job import build_job, get_numerics, parameter_groups
from foveal.training import (
    EVALUATION_BATCH_SIZE,
    TrainingContext,
    apply_memory_format,
    autocast_context,
    build_context,
    numerics_context,
    run_step,
)

WARM_UP = 3
ROUNDS = 9
FEWEST = 3  # steps of each variant, however slow they are
ENOUGH = 15.0  # seconds after which no further round is begun
MANY = 1000  # epochs of the probe's schedule, which must not end before the probe does


@dataclass(frozen=True)
class Speed:
    """Median seconds of one training step, and of evaluating one image."""

    step: float
    image: float


def measure_step_times(configs: Sequence[RunConfig], data: ImageData) -> dict[str, Speed]:
    """Return the speed of each variant on these images; all take turns, so disturbance is shared."""
    loops = {config.attention: loop_of(config, data) for config in configs}
    batches = {variant: training_batches(loop) for variant, loop in loops.items()}
    steps: dict[str, list[float]] = {variant: [] for variant in loops}
    images: dict[str, list[float]] = {variant: [] for variant in loops}
    numerics = next(iter(loops.values())).numerics
    start = time.monotonic()
    with numerics_context(numerics), torch.random.fork_rng():
        for turn in range(WARM_UP + ROUNDS):
            if turn >= FEWEST and time.monotonic() - start > ENOUGH:
                break
            for variant, loop in loops.items():
                steps[variant].append(step_time(loop, batches[variant]))
        for _ in range(2):
            for variant, loop in loops.items():
                images[variant].append(evaluation_time(loop))
    return {
        variant: Speed(
            float(np.median(steps[variant][warm_up(steps[variant]) :])), min(images[variant])
        )
        for variant in loops
    }


def warm_up(steps: list[float]) -> int:
    """Return how many steps are no measurement; a slow network, stopped early, has fewer of them.

    >>> warm_up([1.0] * 12), warm_up([9.0] * 3)
    (3, 1)
    """
    return min(WARM_UP, len(steps) // 3)


def loop_of(config: RunConfig, data: ImageData) -> TrainingContext:
    """Make a network of its own ready to train, as a run does."""
    job = build_job(config, data)
    return build_context(
        job.model,
        data,
        config.model_copy(update={"epochs": MANY}),
        get_numerics(config),
        seed=config.seed,
        groups=parameter_groups(job),
    )


def training_batches(loop: TrainingContext) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of one epoch after another, in the format of the run."""
    for epoch in count():
        batches = loop.data.training_batches(
            batch_size=loop.recipe.batch_size,
            seed=loop.seed,
            epoch=epoch,
            device=loop.device,
        )
        yield from apply_memory_format(batches, loop.numerics)


def step_time(loop: TrainingContext, batches: Iterator[tuple[Tensor, Tensor]]) -> float:
    """Return the seconds of one step, with the batch it needs."""
    loop.state.model.train()
    start = time.perf_counter()
    run_step(loop, *next(batches))
    settle(loop)
    return time.perf_counter() - start


def evaluation_time(loop: TrainingContext) -> float:
    """Return the seconds of evaluating one image, taken from two batches."""
    device = loop.device
    batches = loop.data.batches("test", batch_size=EVALUATION_BATCH_SIZE, device=device)
    start = time.perf_counter()
    with autocast_context(loop.numerics):
        done = predict(loop.state.model, apply_memory_format(islice(batches, 2), loop.numerics))
    settle(loop)
    return (time.perf_counter() - start) / len(done.labels)


def settle(loop: TrainingContext) -> None:
    """Wait until the device has done what it was given."""
    if loop.device.type == "cuda":
        torch.cuda.synchronize()
