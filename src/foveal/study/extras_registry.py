"""Registry of extras: arrays computed from a trained network and stored in its record.

Reports therefore never need weights. A room that adds something to every record registers it here; the
record stores the arrays under the name of the extra.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from foveal.errors import FovealError, unknown_name
from foveal.records import Arrays, Design, has_extra, write_extra
from foveal.study.config import RunConfig
from foveal.study.run_extras import (
    SHARED_IMAGES,
    compute_covariates_extra,
    compute_gates_extra,
    compute_occlusion_extra,
    compute_robustness_extra,
)
from foveal.study.run_list import list_runs
from foveal.study.training_job import TrainingJob
from foveal.study.variant_costs import compute_cost_extra
from foveal.training import TrainingResult

RUN_EXTRAS: Final[dict[str, Callable[[TrainingJob, TrainingResult], Arrays]]] = {
    "occlusion": compute_occlusion_extra,
    "gates": compute_gates_extra,
    "robustness": compute_robustness_extra,
    "covariates": compute_covariates_extra,
}
"""Extras of each run, computed after its training. An extra without arrays is not stored."""
VARIANT_EXTRAS: Final[dict[str, Callable[[RunConfig], Arrays]]] = {"cost": compute_cost_extra}
"""Extras of each variant in each cell, computed from the config of its first run."""


def select_run_extras(with_extras: bool | Collection[str]) -> tuple[str, ...]:
    """Return the names of the extras to store with a run: all for True, none for False, or the given ones.

    >>> select_run_extras(["robustness"]), select_run_extras(False)
    (('robustness',), ())

    Raises:
        UsageError: there is no such extra.
    """
    if isinstance(with_extras, bool):
        return tuple(RUN_EXTRAS) if with_extras else ()
    for name in with_extras:
        if name not in RUN_EXTRAS:
            raise unknown_name("extra", name, RUN_EXTRAS)
    return tuple(with_extras)


def store_run_extras(
    folder: Path,
    job: TrainingJob,
    training: TrainingResult,
    names: Collection[str],
    *,
    keep_images: bool = True,
) -> None:
    """Compute and store the extras of a run that have these names, with the images that all runs share or not.

    Raises:
        FovealError: an extra cannot be computed; the training is kept.
    """
    for name in names:
        try:
            arrays = RUN_EXTRAS[name](job, training)
        except FovealError as error:
            raise FovealError(
                f"The training is complete, but its extra {name!r} cannot be computed ({error}) "
                "Run `ablate` with --no-extras to finish the run."
            ) from error
        if not keep_images:
            arrays = {key: array for key, array in arrays.items() if key != SHARED_IMAGES}
        if arrays:
            write_extra(folder, name, arrays)


def store_variant_extras(study: Path, design: Design) -> None:
    """Compute and store the extras of each variant of a study that are not stored yet.

    Raises:
        FovealError: an extra cannot be computed; all runs are kept.
    """
    for config, run_folder in list_runs(replace(design, seeds=1), study):
        for name, compute in VARIANT_EXTRAS.items():
            stored_name = f"{name}-{run_folder.name}"
            if has_extra(study, stored_name):
                continue
            try:
                arrays = compute(config)
            except FovealError as error:
                raise FovealError(
                    f"All runs are complete, but the extra {name!r} of {config.attention} cannot be "
                    f"computed ({error}) Run `ablate` with --no-extras to finish the study."
                ) from error
            write_extra(study, stored_name, arrays)
