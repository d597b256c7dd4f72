"""Plan of a study: its duration and the differences it can detect, before anything is trained."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.records import Cell, Design
from foveal.stats import MIN_SEEDS, compute_detectable_difference, compute_seeds_needed
from foveal.stats.decision import ALPHA
from foveal.study.accuracy_spread import AccuracySpread, look_up_spread, measure_spread
from foveal.study.config import RunConfig, SharedConfig, StudyConfig
from foveal.study.data_loading import load_config_data
from foveal.study.resolved_design import resolve_design
from foveal.study.run_extras import count_forward_passes
from foveal.study.run_list import make_run_config
from foveal.study.sequential_outlook import SequentialOutlook, list_sequential_outlook
from foveal.study.step_timing import StepTimes, measure_step_times

_OVERHEAD_SECONDS: Final = 1.0
"""Time per run to build the network and to write the record."""


@dataclass(frozen=True)
class Plan:
    """Plan of a study; differences, margin and deviation in points of accuracy, times in seconds.

    `detectable` is the smallest true difference that the design detects with power 0.8 at the level
    `alpha` of one comparison, and `seeds_needed` the seeds per variant that detect `detect` with it. Both
    depend on the standard deviation from run to run, `sd`, and each of the three has a range: a confidence
    interval at `range_level` if the deviation is an estimate, otherwise measured or given ends. `looks` and
    `outlook` are those of a sequential study, whose `runs`, `seeds` and `seconds` are the largest possible;
    `detectable` and `seeds_needed` are those of a study without looks.
    """

    runs: int
    variants: tuple[str, ...]
    seeds: int
    first_seed: int
    comparisons: int
    alpha: float
    sd: float
    sd_range: tuple[float, float]
    range_level: float | None
    sd_source: str
    detectable: float | None
    detectable_range: tuple[float, float] | None
    detect: float
    seeds_needed: int
    seeds_needed_range: tuple[int, int]
    margin: float
    seconds: float
    seconds_by_variant: Mapping[str, float]
    workers: int
    looks: tuple[int, ...] = ()
    outlook: tuple[SequentialOutlook, ...] = ()


def plan(
    config: StudyConfig,
    *,
    sd: float | None = None,
    like: Path | None = None,
    detect: float | None = None,
    workers: int = 1,
) -> Plan:
    """Plan a study: each comparison has two independent samples, and all share the error rate.

    Args:
        config: the study.
        sd: run-to-run standard deviation of test accuracy in points.
        like: an earlier study of the same data and network, or a pilot, whose runs give the deviation. Without
            `sd` and `like` it is looked up in a table of similar trainings.
        detect: a difference in points that the study should detect; by default the margin.
        workers: number of parallel runs.

    Raises:
        UsageError: an option or a variant is wrong, or `like` is a study of other images or networks.
    """
    if sd is not None and like is not None:
        raise UsageError("Parameter `sd` should be left out with `like`: the study has one.")
    design = resolve_design(config, None, max_parallel_runs=workers)
    spreads, seconds, seconds_by_variant = [], 0.0, dict[str, float]()
    for cell in design.cells:
        start = time.perf_counter()
        data = load_config_data(_get_cell_config(design, cell))
        seconds += time.perf_counter() - start
        spreads.append(_find_spread(_get_cell_config(design, cell), data, sd, like))
        times = _estimate_seconds_by_variant(design, cell, data)
        seconds += design.seeds * sum(times.values())
        seconds_by_variant |= times
    spread = max(spreads)  # of the cell in which accuracy varies most
    alpha = ALPHA / design.comparison_count
    detect = design.margin if detect is None else detect
    detectable, needed = [], []
    for each in spread[:3]:
        needed.append(compute_seeds_needed(detect, sd=each, alpha=alpha))
        if design.seeds >= MIN_SEEDS:
            detectable.append(
                compute_detectable_difference(sd=each, seeds=design.seeds, alpha=alpha)
            )
    return Plan(
        runs=design.run_count,
        variants=design.variants,
        seeds=design.seeds,
        first_seed=design.first_seed,
        comparisons=design.comparison_count,
        alpha=alpha,
        sd=spread.sd,
        sd_range=(spread.low, spread.high),
        range_level=spread.level,
        sd_source=spread.source,
        detectable=detectable[0] if detectable else None,
        detectable_range=(detectable[1], detectable[2]) if detectable else None,
        detect=detect,
        seeds_needed=needed[0],
        seeds_needed_range=(needed[1], needed[2]),
        margin=design.margin,
        seconds=seconds / min(workers, design.run_count),
        seconds_by_variant=seconds_by_variant,
        workers=workers,
        looks=design.looks,
        outlook=list_sequential_outlook(
            design, sd=spread.sd, seconds_by_variant=seconds_by_variant
        ),
    )


def _find_spread(
    config: SharedConfig, data: ImageData, sd: float | None, like: Path | None
) -> AccuracySpread:
    """Return the given spread, that of an earlier study, or that of similar trainings."""
    if sd is not None:
        return AccuracySpread(sd, sd, sd, "given")
    if like is not None:
        return measure_spread(like, config)
    return look_up_spread(config.data, config.model, config.epochs * len(data.train))


def _get_cell_config(design: Design, cell: Cell) -> SharedConfig:
    """Return the options that all runs of a cell share."""
    return SharedConfig(**{**design.shared_options, **cell.options})


def _estimate_seconds_by_variant(design: Design, cell: Cell, data: ImageData) -> dict[str, float]:
    """Return the time of one run of each variant in a cell."""
    configs = [make_run_config(design, cell, variant, 0) for variant in design.variants]
    step_times = measure_step_times(configs, data)
    suffix = f" ({cell.label})" if cell.label else ""
    return {
        f"{config.attention}{suffix}": _estimate_run_seconds(
            config, data, step_times[config.attention]
        )
        for config in configs
    }


def _estimate_run_seconds(config: RunConfig, data: ImageData, times: StepTimes) -> float:
    """Return the time of one run: training steps, evaluation after each epoch, extras, overhead."""
    steps = -(-len(data.train) // config.batch_size)
    epoch = steps * times.step_seconds + len(data.test) * times.image_seconds
    extras = count_forward_passes(config, data) * times.image_seconds
    return _OVERHEAD_SECONDS + config.epochs * epoch + extras
