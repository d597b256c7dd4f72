"""Step times of a study: measured once, all variants in turns, before its first run, and stored."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import torch

from foveal.data import ImageData
from foveal.errors import CorruptRecordError
from foveal.machine import get_processor_name
from foveal.records import Cell, Design, VariantStepTime, read_step_times, write_step_times
from foveal.study.config import RunConfig
from foveal.study.data_loading import load_shared_data
from foveal.study.locks import lock_study
from foveal.study.run_list import make_run_config
from foveal.study.step_timing import measure_step_seconds

_MIN_STEPS: Final = 3
_MAX_STEPS: Final = 24
_MAX_SHARE: Final = 0.02
"""Share of the training steps of a study that may be spent on timing."""
_MAX_SECONDS: Final = 3.0
"""Time per cell after which no further step of each variant starts, once nine are measured."""


def store_step_times(folder: Path, design: Design) -> None:
    """Measure and store the step times of all variants of a study, unless they are stored.

    With a new variant or cell, all are measured again: only times that were taken in turns are comparable.
    Other processes of the study wait, so that they do not disturb. Nothing is stored if a step fails; the run
    of the variant reports why.
    """
    wanted = [(cell.identity, variant) for cell in design.cells for variant in design.variants]
    with lock_study(folder):
        try:
            stored = [(each.cell, each.variant) for each in read_step_times(folder)]
        except CorruptRecordError:
            stored = []  # measured again and replaced
        if all(pair in stored for pair in wanted):
            return
        try:
            times = [each for cell in design.cells for each in _measure_cell(design, cell)]
        except Exception:  # a user-defined network may raise anything, and the GPU may be elsewhere
            return
        write_step_times(folder, times)


def store_step_times_in_child(folder: Path, design: Design) -> None:
    """Do the same in a process of its own, for a study whose runs have theirs.

    A network that kills its process then fails alone, and no memory of a GPU stays in use.
    """
    spawn = multiprocessing.get_context("spawn")  # a forked CUDA context cannot be used
    with ProcessPoolExecutor(1, mp_context=spawn) as pool, suppress(BrokenProcessPool):
        pool.submit(store_step_times, folder, design).result()


def estimate_training_seconds(folder: Path, runs: Sequence[tuple[RunConfig, Path]]) -> float | None:
    """Return the time of training `runs` one after another, without evaluation and extras.

    None if the step times of a variant are not stored.
    """
    stored = read_step_times(folder)
    total = 0.0
    for config, _ in runs:
        times = [each for each in stored if _is_timed_by(config, each)]
        if not times:
            return None
        total += config.epochs * times[0].steps_per_epoch * times[0].step_seconds
    return total


def _is_timed_by(config: RunConfig, time: VariantStepTime) -> bool:
    """Return True if a step time is that of the variant and the cell of a run."""
    return config.attention == time.variant and all(
        getattr(config, name) == value for name, value in time.cell.items()
    )


def _measure_cell(design: Design, cell: Cell) -> list[VariantStepTime]:
    """Return the step times of the variants in one cell."""
    configs = [make_run_config(design, cell, v, design.first_seed) for v in design.variants]
    data = load_shared_data(configs[0])
    steps_per_epoch = max(1.0, len(data.train) / configs[0].batch_size)
    seconds = measure_step_seconds(
        configs, data, steps=_choose_step_count(design, configs, data), max_seconds=_MAX_SECONDS
    )
    machine = torch.cuda.get_device_name() if configs[0].device == "cuda" else get_processor_name()
    return [
        VariantStepTime(
            cell.identity,
            variant,
            float(np.median(values)),
            (float(np.quantile(values, 0.25)), float(np.quantile(values, 0.75))),
            len(values),
            steps_per_epoch,
            machine,
        )
        for variant, values in seconds.items()
    ]


def _choose_step_count(design: Design, configs: list[RunConfig], data: ImageData) -> int:
    """Return the number of steps to time per variant: a small share of those that the study trains."""
    epochs = min(config.epochs for config in configs)
    trained = design.seeds * epochs * len(data.train) / configs[0].batch_size
    return int(min(max(_MAX_SHARE * trained, _MIN_STEPS), _MAX_STEPS))
