"""Pilot of a study: a few runs of the baseline with other seeds, to measure how much their accuracy varies."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from foveal.study.config import StudyConfig
from foveal.study.default_folder import choose_default_folder
from foveal.study.executors import run_in_pool, run_in_process
from foveal.study.study import Study
from foveal.variant_names import BASELINE

_SEED_OFFSET: Final = 1_000_000
"""Distance of the seeds of a pilot from those of its study, which therefore has new ones."""


def make_pilot_config(config: StudyConfig, seeds: int) -> StudyConfig:
    """Return the pilot of a study as a study of its own: the baseline only, with other seeds.

    The baseline alone costs a fraction of a pilot of all variants. Their deviations differ by a factor of up
    to 4 in short trainings; the range that a plan shows for 4 seeds is about as wide.
    """
    controls = dict.fromkeys(("se", "wide", "same_time"), False)
    options = {"attention": BASELINE, "seeds": seeds, **controls}
    return config.model_copy(
        update={**options, "first_seed": config.first_seed + _SEED_OFFSET, "margin": None}
    )


def run_pilot(config: StudyConfig, seeds: int, *, workers: int = 1) -> Path:
    """Train the missing runs of the pilot of a study in its default folder, and return the folder.

    Raises:
        UsageError: an option is wrong.
        FovealError: a run failed.
    """
    pilot = make_pilot_config(config, seeds)
    folder = choose_default_folder(pilot)
    study = Study.open(folder, pilot, max_parallel_runs=workers)
    executor = partial(run_in_pool, workers=workers) if workers > 1 else run_in_process
    study.run(executor, with_extras=False)
    return folder
