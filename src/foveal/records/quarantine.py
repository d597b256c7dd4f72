"""Quarantine of damaged runs: renamed folders that are neither counted nor deleted."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from foveal.atomic import PARTIAL_SUFFIX
from foveal.records import schema

_DAMAGED_SUFFIX: Final = ".damaged"


def list_run_folders(study: Path) -> list[Path]:
    """Return the run folders of a study, sorted, without unfinished and quarantined ones."""
    folders = sorted((study / schema.RUNS_FOLDER).glob("*"))
    return [
        folder
        for folder in folders
        if folder.is_dir()
        and folder.suffix != PARTIAL_SUFFIX
        and _DAMAGED_SUFFIX not in folder.name
    ]


def quarantine_folder(folder: Path) -> Path:
    """Rename a damaged folder and return its new path."""
    for number in itertools.count(1):
        suffix = _DAMAGED_SUFFIX if number == 1 else f"{_DAMAGED_SUFFIX}-{number}"
        target = folder.with_name(folder.name + suffix)
        if not target.exists():
            return folder.rename(target)
    raise AssertionError  # unreachable: the numbers never end
