"""What is found damaged is set aside under a name that says so: never counted, never deleted."""

from __future__ import annotations

import itertools
from pathlib import Path

from foveal.atomic import PARTIAL_SUFFIX

DAMAGED = ".damaged"


def is_aside(path: Path) -> bool:
    """Say whether a path is no run to be counted: one being made, one set aside, or something else."""
    return path.suffix == PARTIAL_SUFFIX or DAMAGED in path.name or not path.is_dir()


def quarantine_folder(folder: Path) -> Path:
    """Rename a damaged folder and return its new path."""
    for number in itertools.count(1):
        target = folder.with_name(f"{folder.name}{DAMAGED}{'' if number == 1 else f'-{number}'}")
        if not target.exists():
            return folder.rename(target)
    raise AssertionError  # there is always a free number
