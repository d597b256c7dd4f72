"""Log of the verdicts of a study: the answer as text, the differences as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foveal.analysis import compare_cell_variants, write_cell_answer
from foveal.analysis.display_names import name_comparison
from foveal.records import StudyRecord
from foveal.study.trackers.log import LogPlace, SafeLog
from foveal.study.trackers.run_log import LOG_FOLDER
from foveal.text_format import use_minus_signs

_RUN_NAME = "verdicts"


def open_trackers(folder: Path, names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Open the trackers of a study once before its runs; return those that work, and warnings.

    What a tracker creates on first use, such as a data base or an experiment, exists then before several
    processes ask for it, and a server that does not answer holds up the study once and not in every run.
    """
    log = SafeLog(names, _place_verdicts(folder))
    working = log.working
    log.close(is_finished=False)
    return working, log.warnings


def log_verdicts(study: StudyRecord, trackers: Sequence[str]) -> list[str]:
    """Log the verdicts of each cell of a study, and return a warning per tracker that failed."""
    log = SafeLog(trackers, _place_verdicts(study.folder))
    paragraphs = []
    for cell in study.split_by_cell():
        comparisons = compare_cell_variants(cell)
        label = cell.cell.label if cell.cell else ""
        paragraphs += [f"### {label}"] if label else []
        paragraphs.append(write_cell_answer(cell, comparisons).text)
        for each in comparisons:
            name = name_comparison(each)
            paragraphs.append(f"- `{name}`: {each.verdict}, {use_minus_signs(each.reason)}.")
            prefix = f"{label}/" if label else ""
            log.log_values(
                {f"{prefix}difference in points/{name}": 100 * each.difference}, each.seeds
            )
    log.log_text(_RUN_NAME, "\n\n".join(paragraphs))
    log.close(is_finished=True)
    return log.warnings


def _place_verdicts(folder: Path) -> LogPlace:
    """Return the place of the verdicts of the study in `folder`."""
    return LogPlace(folder / LOG_FOLDER, folder.resolve().name, _RUN_NAME)
