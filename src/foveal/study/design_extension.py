"""Extension of a stored design: more variants, seeds or cells, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foveal.errors import UsageError
from foveal.records import Design, read_design, schema
from foveal.study.config import list_differences


def read_stored_design(folder: Path) -> Design | None:
    """Return the design of the study in `folder`, or None if the folder is empty or missing.

    Raises:
        UsageError: the folder contains something else.
    """
    if (folder / schema.STUDY_FILE).is_file():
        return read_design(folder)
    if folder.exists() and any(path.name[0] != "." for path in folder.iterdir()):
        raise UsageError(f"{folder} exists and is not a study. Choose another folder.")
    return None


def extend_design(stored: Design | None, requested: Design, folder: Path) -> Design:
    """Return the stored design with the variants, seeds and cells of the requested one.

    The planned seeds and the planned margin are those of the stored design.

    Raises:
        UsageError: the designs differ in more.
    """
    if stored is None:
        return requested
    conflicts = _find_conflicts(stored, requested)
    if conflicts:
        raise UsageError(
            f"{folder} is a study with another config ({'; '.join(conflicts)}). Choose another folder."
        )
    cells = {cell.label: cell for cell in stored.cells}
    for cell in requested.cells:
        known = cells.get(cell.label, cell)
        cells[cell.label] = replace(
            cell,
            epochs={**known.epochs, **cell.epochs},
            where={**known.where, **cell.where},
        )
    return replace(
        requested,
        variants=tuple(dict.fromkeys([*stored.variants, *requested.variants])),
        controls=tuple(dict.fromkeys([*stored.controls, *requested.controls])),
        seeds=max(stored.seeds, requested.seeds),
        planned_seeds=stored.planned_seeds,
        planned_margin=stored.planned_margin,
        cells=tuple(cells.values()),
    )


def _find_conflicts(stored: Design, requested: Design) -> list[str]:
    """Return the options in which two designs differ, apart from variants, seeds, margin and new cells."""
    grid_options = [set(design.cells[0].columns) for design in (stored, requested)]
    if grid_options[0] != grid_options[1]:
        return ["the options of the grid differ"]
    conflicts = list_differences(stored.shared_options, requested.shared_options)
    conflicts += list_differences(
        {"first_seed": stored.first_seed}, {"first_seed": requested.first_seed}
    )
    conflicts += _find_sequential_conflicts(stored, requested)
    stored_cells = {cell.label: cell for cell in stored.cells}
    for cell in requested.cells:
        if cell.label in stored_cells:
            differences = list_differences(stored_cells[cell.label].identity, cell.identity)
            conflicts += [f"in {cell.label}: {difference}" for difference in differences]
    return conflicts


def _find_sequential_conflicts(stored: Design, requested: Design) -> list[str]:
    """Return in what two designs differ that a sequential study settles before its first run."""
    if not stored.looks and not requested.looks:
        return []
    names = ("looks", "stops_when_unlikely", "variants", "controls", "margin")
    before, now = ({name: getattr(each, name) for name in names} for each in (stored, requested))
    conflicts = list_differences(before, now)
    if [cell.label for cell in stored.cells] != [cell.label for cell in requested.cells]:
        conflicts.append("the settings of the grid differ")
    return conflicts
