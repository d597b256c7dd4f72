"""Times of a training step of each variant, measured once per study before its first run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from foveal.errors import CorruptRecordError
from foveal.records import schema
from foveal.records.run import write_json

_ENTRIES: Final = "step_times"


@dataclass(frozen=True)
class VariantStepTime:
    """Time of a training step of one variant in one cell, with its batch and its augmentation.

    `cell` is the identity of the cell. `step_seconds` is the median of `measured_steps` steps, taken in turns
    with the steps of all other variants, and `quartiles` are their lower and upper quartile. An epoch has
    `steps_per_epoch` steps, counted in full batches. `machine` is the processor, or the GPU if the steps ran
    on one.
    """

    cell: Mapping[str, Any]
    variant: str
    step_seconds: float
    quartiles: tuple[float, float]
    measured_steps: int
    steps_per_epoch: float
    machine: str


def write_step_times(folder: Path, times: Sequence[VariantStepTime]) -> None:
    """Write the step times of a study atomically; they replace earlier ones."""
    entries = [asdict(each) for each in times]
    write_json(
        folder / schema.STEP_TIMES_FILE, {"schema": schema.SCHEMA_VERSION, _ENTRIES: entries}
    )


def read_step_times(folder: Path) -> tuple[VariantStepTime, ...]:
    """Read the step times of a study; empty if it has none, as studies of earlier versions.

    Raises:
        CorruptRecordError: the file is damaged.
    """
    path = folder / schema.STEP_TIMES_FILE
    if not path.is_file():
        return ()
    try:
        entries = json.loads(path.read_text())[_ENTRIES]
        return tuple(
            VariantStepTime(**{**entry, "quartiles": tuple(entry["quartiles"])})
            for entry in entries
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecordError(
            f"{path} is damaged ({error}). Delete it; the report then takes the times of the epochs."
        ) from error
