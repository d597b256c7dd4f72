"""Answer of one cell of a study from its records: the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis.answer import write_answer
from foveal.analysis.answer_content import Answer
from foveal.analysis.next_steps import count_epochs, find_last_epoch_gains
from foveal.analysis.training_times import has_reliable_times
from foveal.records import StudyRecord
from foveal.stats import Comparison


def write_cell_answer(cell: StudyRecord, comparisons: Sequence[Comparison]) -> Answer:
    """Return the answer of one cell.

    Args:
        cell: the study of one cell, with a finished run.
        comparisons: the comparisons of the cell.
    """
    gains = find_last_epoch_gains(cell, cell.design.margin / 100)
    return write_answer(
        comparisons,
        accuracies=cell.accuracies,
        controls=cell.design.controls,
        unfinished_epochs=count_epochs(cell) if gains else None,
        has_reliable_times=has_reliable_times(cell),
    )
