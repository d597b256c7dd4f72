"""What a study will take and what it can see, said before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from foveal.data import ImageData
from foveal.records import Cell, Design
from foveal.stats import MIN_SEEDS, compute_detectable_difference, compute_seeds_needed
from foveal.study.config import RunConfig, SharedConfig, StudyConfig
from foveal.study.design import expand_grid, run_config
from foveal.study.resolved_config import get_data_config, load_config_data
from foveal.study.resolved_design import resolve_design
from foveal.study.run_extras import forward_passes
from foveal.study.step_timing import Speed, measure_step_times

ALPHA = 0.05
# Run-to-run standard deviations of test accuracy, in points, that others and we have met.
SHORT, SMALL_CLASSES, MANY_CLASSES = 0.5, 0.2, 0.3
LONG = 16  # epochs from which on the deviation of a ResNet is small
SECONDS_A_RUN = 1.0  # to build the network and to write the record


@dataclass(frozen=True)
class Plan:
    """Differences, margin and deviation in points of accuracy, times in seconds.

    `detectable` is the smallest true difference that the design shows with power 0.8 at the level
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
    """Plan a study: two independent samples a comparison, the level shared among all of them.

    Args:
        config: the study.
        sd: run-to-run standard deviation of test accuracy in points; by default a cautious guess.
        detect: a difference in points that it should show; by default the margin.
        workers: how many runs go on at a time.

    Raises:
        UsageError: the study cannot be made.
    """
    design = resolve_design(config, None, at_a_time=workers)
    alpha = ALPHA / design.comparison_count
    guess, source = max(guessed_sd(setting) for setting in expand_grid(config, config.grid))
    sd, source = (guess, source) if sd is None else (sd, "given")
    detect = design.margin if detect is None else detect
    seconds, by_variant = expected_seconds(config, design)
    enough = design.seeds >= MIN_SEEDS
    return Plan(
        runs=design.run_count,
        variants=design.variants,
        seeds=design.seeds,
        comparisons=design.comparison_count,
        alpha=alpha,
        sd=sd,
        sd_source=source,
        detectable=compute_detectable_difference(sd=sd, seeds=design.seeds, alpha=alpha)
        if enough
        else None,
        detect=detect,
        seeds_needed=compute_seeds_needed(detect, sd=sd, alpha=alpha),
        margin=design.margin,
        seconds=seconds / min(workers, design.run_count),
        seconds_by_variant=by_variant,
        workers=workers,
    )


def guessed_sd(setting: SharedConfig) -> tuple[float, str]:
    """Return a deviation to plan with where none is given, and where it is from."""
    if setting.epochs >= LONG and setting.model.startswith("resnet"):
        if "cifar100" in setting.data:
            return MANY_CLASSES, "what others report for a ResNet on CIFAR-100"
        if "cifar10" in setting.data:
            return SMALL_CLASSES, "what others report for a ResNet on CIFAR-10"
    return SHORT, "a cautious guess for short trainings and small networks"


def expected_seconds(config: StudyConfig, design: Design) -> tuple[float, dict[str, float]]:
    """Return the time of all runs one after another, and that of one run of each variant."""
    total, by_variant = 0.0, dict[str, float]()
    for setting, cell in zip(expand_grid(config, config.grid), design.cells, strict=True):
        start = time.perf_counter()
        data = load_config_data(get_data_config(setting))
        total += time.perf_counter() - start
        configs = [run_config(design, cell, variant, 0) for variant in design.variants]
        speeds = measure_step_times(configs, data)
        for run in configs:
            seconds = run_seconds(run, data, speeds[run.attention])
            by_variant[named(run.attention, cell)] = seconds
            total += design.seeds * seconds
    return total, by_variant


def named(variant: str, cell: Cell) -> str:
    """Name a variant in a cell of the grid."""
    return f"{variant} ({cell.label})" if cell.label else variant


def run_seconds(config: RunConfig, data: ImageData, speed: Speed) -> float:
    """Return what one run takes: its steps, the evaluation after each epoch, its maps, and what goes around."""
    steps = -(-len(data.train) // config.batch_size)
    epoch = steps * speed.step + len(data.test) * speed.image
    return SECONDS_A_RUN + config.epochs * epoch + forward_passes(config, data) * speed.image
