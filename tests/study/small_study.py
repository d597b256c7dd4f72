"""A study that takes seconds, and how its table is compared."""

import csv
from pathlib import Path

from foveal.study import StudyConfig

SMALL = StudyConfig(
    data="scenes", train_size=120, test_size=60, epochs=2, batch_size=32, attention="none,channel",
    seeds=2, device="cpu", threads=1, dtype="float32",
)  # fmt: skip


def changed(**options: object) -> StudyConfig:
    return StudyConfig(**(SMALL.model_dump() | options))


def rows(folder: Path) -> list[dict[str, str]]:
    """Return results.csv but for its times and dates."""
    with (folder / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith(("time_", "date_"))} for row in table]
