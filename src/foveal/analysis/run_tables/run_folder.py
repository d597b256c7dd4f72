"""Folders of runs: the form of each run by the files that lie there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foveal.analysis.run_tables.forms import hugging_face, lightning, tensorboard, ultralytics
from foveal.analysis.run_tables.found_run import FoundRun, UnreadableRunError
from foveal.errors import UsageError
from foveal.text_format import join_with_and


@dataclass(frozen=True)
class RunForm:
    """Form in which a program writes a run into a folder.

    Attributes:
        name: the program.
        is_run: True for the folder of a run.
        read: the run of a folder, with its name.
        preferred: metrics to judge by, if the runs have them.
    """

    name: str
    is_run: Callable[[Path], bool]
    read: Callable[[Path, str], FoundRun]
    preferred: Sequence[str] = ()


RUN_FORMS: Final = (
    RunForm(
        "ultralytics",
        ultralytics.is_ultralytics_run,
        ultralytics.read_ultralytics_run,
        ultralytics.OUTCOMES,
    ),
    RunForm("Lightning", lightning.is_lightning_run, lightning.read_lightning_run),
    RunForm("Hugging Face", hugging_face.is_hugging_face_run, hugging_face.read_hugging_face_run),
    RunForm("TensorBoard", tensorboard.is_tensorboard_run, tensorboard.read_tensorboard_run),
)
"""Forms in the order in which they are tried: programs that also write event files come before TensorBoard."""


def find_runs(folder: Path) -> tuple[RunForm, list[FoundRun]]:
    """Return the form of the runs below a folder, and the runs sorted by name; unreadable ones have a problem.

    Raises:
        UsageError: there is no run, the folder is a single run, or there are runs of several forms.
    """
    found: list[tuple[RunForm, Path]] = []
    for path, names, _ in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        form = _find_form(Path(path))
        if form is None:
            continue
        if Path(path) != folder:
            found.append((form, Path(path)))
            names.clear()  # what lies below a run belongs to it
    if not found:
        raise UsageError(_describe_empty_folder(folder))
    counts = Counter(form.name for form, _ in found)
    if len(counts) > 1:
        listed = join_with_and([f"{count} of {name}" for name, count in counts.items()])
        raise UsageError(
            f"{folder} has runs of several programs: {listed}. Judge a folder with those of one."
        )
    form = found[0][0]
    return form, [_read_run(form, path, path.relative_to(folder).as_posix()) for _, path in found]


def _find_form(folder: Path) -> RunForm | None:
    """Return the form of the run in a folder; None if it has none."""
    return next((form for form in RUN_FORMS if form.is_run(folder)), None)


def _read_run(form: RunForm, folder: Path, name: str) -> FoundRun:
    """Return a run; one that cannot be read has the reason as its problem."""
    try:
        return form.read(folder, name)
    except UnreadableRunError as error:
        return FoundRun(name, problem=str(error))


def _describe_empty_folder(folder: Path) -> str:
    """Return the error for a folder without runs below it."""
    form = _find_form(folder)
    if form is not None:
        return f"{folder} is a single run of {form.name}. Name the folder that has the runs of all variants."
    tables = sorted(path.name for path in folder.glob("*.csv"))
    hint = f" Its tables are read one at a time, such as {folder / tables[0]}." if tables else ""
    names = join_with_and([form.name for form in RUN_FORMS])
    return f"{folder} has no runs of {names}, and is not a study of foveal.{hint}"
