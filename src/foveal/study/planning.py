"""Plan of a study: its duration and the differences it can detect, before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foveal.data import ImageData
from foveal.records import Cell, Design
from foveal.stats import MIN_SEEDS, compute_detectable_difference, compute_seeds_needed
from foveal.study.config import RunConfig, SharedConfig, StudyConfig
from foveal.study.data_loading import load_config_data
from foveal.study.resolved_design import resolve_design
from foveal.study.run_extras import count_forward_passes
from foveal.study.run_list import make_run_config
from foveal.study.step_timing import StepTimes, measure_step_times

_ALPHA: Final = 0.05
_SHORT_TRAINING_SD: Final = 0.5
"""Typical run-to-run standard deviation of test accuracy after a short training, in points."""
_CIFAR10_SD: Final = 0.2
_CIFAR100_SD: Final = 0.3
_LONG_TRAINING_EPOCHS: Final = 16
"""Epochs from which the deviation of a ResNet is small."""
_OVERHEAD_SECONDS: Final = 1.0
"""Time per run to build the network and to write the record."""


@dataclass(frozen=True)
class Plan:
    """Plan of a study; differences, margin and deviation in points of accuracy, times in seconds.

    `detectable` is the smallest true difference that the design detects with power 0.8 at the level
    `alpha` of one comparison, and `seeds_needed` the seeds per variant that detect `detect` with it.
    """

    runs: int
    variants: tuple[str, ...]
    seeds: int
    comparisons: int
    alpha: float
    sd: float
    sd_source: str
    detectable: float | None
    detect: float
    seeds_needed: int
    margin: float
    seconds: float
    seconds_by_variant: Mapping[str, float]
    workers: int


def plan(
    config: StudyConfig,
    *,
    sd: float | None = None,
    detect: float | None = None,
    workers: int = 1,
) -> Plan:
    """Plan a study: each comparison has two independent samples, and all share the error rate.

    Args:
        config: the study.
        sd: run-to-run standard deviation of test accuracy in points; by default a cautious guess.
        detect: a difference in points that the study should detect; by default the margin.
        workers: number of parallel runs.

    Raises:
        UsageError: an option or a variant is wrong.
    """
    design = resolve_design(config, None, max_parallel_runs=workers)
    alpha = _ALPHA / design.comparison_count
    sd_source = "given"
    if sd is None:
        sd, sd_source = max(guess_sd(_get_cell_config(design, cell)) for cell in design.cells)
    detect = design.margin if detect is None else detect
    detectable = None
    if design.seeds >= MIN_SEEDS:
        detectable = compute_detectable_difference(sd=sd, seeds=design.seeds, alpha=alpha)
    seconds, seconds_by_variant = _estimate_seconds(design)
    return Plan(
        runs=design.run_count,
        variants=design.variants,
        seeds=design.seeds,
        comparisons=design.comparison_count,
        alpha=alpha,
        sd=sd,
        sd_source=sd_source,
        detectable=detectable,
        detect=detect,
        seeds_needed=compute_seeds_needed(detect, sd=sd, alpha=alpha),
        margin=design.margin,
        seconds=seconds / min(workers, design.run_count),
        seconds_by_variant=seconds_by_variant,
        workers=workers,
    )


def _get_cell_config(design: Design, cell: Cell) -> SharedConfig:
    """Return the options that all runs of a cell share."""
    return SharedConfig(**{**design.shared_options, **cell.options})


def guess_sd(config: SharedConfig) -> tuple[float, str]:
    """Return a typical standard deviation of test accuracy in points, and its source."""
    if config.epochs >= _LONG_TRAINING_EPOCHS and config.model.startswith("resnet"):
        if "cifar100" in config.data:
            return _CIFAR100_SD, "reported by others for a ResNet on CIFAR-100"
        if "cifar10" in config.data:
            return _CIFAR10_SD, "reported by others for a ResNet on CIFAR-10"
    return _SHORT_TRAINING_SD, "a cautious guess for short trainings and small networks"


def _estimate_seconds(design: Design) -> tuple[float, dict[str, float]]:
    """Return the time of all runs one after another, and the time of one run of each variant and cell."""
    total, by_variant = 0.0, dict[str, float]()
    for cell in design.cells:
        start = time.perf_counter()
        data = load_config_data(_get_cell_config(design, cell))
        total += time.perf_counter() - start
        configs = [make_run_config(design, cell, variant, 0) for variant in design.variants]
        step_times = measure_step_times(configs, data)
        for config in configs:
            seconds = _estimate_run_seconds(config, data, step_times[config.attention])
            name = f"{config.attention} ({cell.label})" if cell.label else config.attention
            by_variant[name] = seconds
            total += design.seeds * seconds
    return total, by_variant


def _estimate_run_seconds(config: RunConfig, data: ImageData, times: StepTimes) -> float:
    """Return the time of one run: training steps, evaluation after each epoch, extras, overhead."""
    steps = -(-len(data.train) // config.batch_size)
    epoch = steps * times.step_seconds + len(data.test) * times.image_seconds
    extras = count_forward_passes(config, data) * times.image_seconds
    return _OVERHEAD_SECONDS + config.epochs * epoch + extras
