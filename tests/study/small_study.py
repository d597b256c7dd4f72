"""A study that takes seconds, and the part of its table that every machine reproduces."""

import csv
from pathlib import Path

from foveal.study import StudyConfig

SMALL = StudyConfig(
    data="scenes", train_size=120, test_size=60, epochs=2, batch_size=32, attention="none,channel",
    seeds=2, device="cpu", threads=1, dtype="float32",
)  # fmt: skip
STEPS_PER_RUN = 8


def change(**options: object) -> StudyConfig:
    """Return the small study with other options."""
    return StudyConfig(**(SMALL.model_dump() | options))


def read_rows(study: Path) -> list[dict[str, str]]:
    """Return the rows of results.csv without times and dates."""
    with (study / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in rows]
