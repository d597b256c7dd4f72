"""What is asked of each network while its weights are at hand, so that a report never needs them.

The one hook for maps, statistics of gates, robustness and cost: a room that has something to leave in
every record registers it here, and the record holds its arrays under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from foveal.errors import FovealError
from foveal.records import Design, has_extra, write_extra
from foveal.study import run_extras, variant_costs
from foveal.study.config import RunConfig
from foveal.study.design import list_runs
from foveal.study.training_job import Job
from foveal.training import TrainingResult

Arrays = Mapping[str, npt.NDArray[Any]]
OF_RUNS: dict[str, Callable[[Job, TrainingResult], Arrays]] = {
    "occlusion": run_extras.occlusion,
    "gates": run_extras.gates,
    "robustness": run_extras.robust,
    "covariates": run_extras.covariates,
}
"""Called after the training of each run; what has nothing to say of a run returns nothing."""
OF_VARIANTS: dict[str, Callable[[RunConfig, Path], Arrays]] = {"cost": variant_costs.cost}
"""Called once for each variant in each setting of a study, with its first run's config and folder."""


def leave_with_run(folder: Path, job: Job, training: TrainingResult) -> None:
    """Write what each extra finds in a trained network."""
    for name, extra in OF_RUNS.items():
        try:
            arrays = extra(job, training)
        except FovealError as error:
            raise FovealError(
                f"The training is done and kept, but its {name} cannot be measured ({error}): "
                "`ablate` finishes the run with --no-extras."
            ) from error
        if arrays:
            write_extra(folder, name, arrays)


def leave_with_study(folder: Path, design: Design) -> None:
    """Write what each extra finds in each variant of a study, but for what is there."""
    for config, run in list_runs(replace(design, seeds=1), folder):
        for name, extra in OF_VARIANTS.items():
            title = f"{name}-{run.name}"
            if has_extra(folder, title):
                continue
            try:
                arrays = extra(config, run)
            except FovealError as error:
                raise FovealError(
                    f"All runs are done and kept, but the {name} of {config.attention} cannot be measured "
                    f"({error}): `ablate` finishes the study with --no-extras."
                ) from error
            write_extra(folder, title, arrays)
