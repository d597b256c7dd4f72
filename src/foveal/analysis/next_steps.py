"""Next steps after an undecided study: longer training first, then more seeds in a new study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foveal.analysis.learning import compute_guessing
from foveal.analysis.next_command import format_next_command
from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, compute_detectable_difference
from foveal.text_format import join_with_and

_ALPHA: Final = 0.05
SEED_COUNTS: Final = (5, 10, 20, 50)
"""Seeds per variant for which the table of next steps says what they show."""
_MAX_NAMED_VARIANTS: Final = 3


@dataclass(frozen=True)
class SeedOutlook:
    """A new study with `seeds` seeds per variant, and all other options as before.

    `detectable_differences` are the smallest differences, as fractions of 1, that four of five such studies
    show: the smallest and the largest over the undecided comparisons. `extra_seconds` is the time of the
    runs of all variants, one after another.
    """

    seeds: int
    detectable_differences: tuple[float, float]
    extra_seconds: float


@dataclass(frozen=True)
class NextSteps:
    """Steps that would decide the undecided comparisons of one cell.

    `last_epoch_gains` are the gains of test accuracy in the last epoch, as fractions of 1, of the variants
    for which it is more than the margin: train these longer first. `outlook` is empty below three seeds and
    where nothing was learned. `command` starts the first step: a study of twice as many epochs where longer
    training comes first or nothing was learned, otherwise one with the next larger number of seeds.
    """

    last_epoch_gains: dict[str, float]
    outlook: tuple[SeedOutlook, ...]
    command: str

    @property
    def training_advice(self) -> str:
        """Sentence that advises longer training; empty if no accuracy still rose by more than the margin."""
        gains = sorted(self.last_epoch_gains.items(), key=lambda item: -item[1])
        if not gains:
            return ""
        named = [f"{name} by {100 * gain:.1f}" for name, gain in gains[:_MAX_NAMED_VARIANTS]]
        rest = len(gains) - len(named)
        named += [f"{rest} more by less"] if rest else []
        return (
            "Train longer first: in the last epoch the test accuracy still rose by more than the margin "
            f"({join_with_and(named)} points). Trained longer, networks usually differ less from seed to seed."
        )


def find_next_steps(cell: StudyRecord, comparisons: Sequence[Comparison]) -> NextSteps | None:
    """Return the steps that would decide them, or None if no comparison of the cell is undecided.

    There are none either while a sequential study goes on: its next look may decide.

    Args:
        cell: the study of one cell of the grid.
        comparisons: the comparisons of the cell.
    """
    undecided = [each for each in comparisons if each.verdict == "undecided"]
    is_open = any(each.sequential and each.sequential.next_look for each in comparisons)
    if not undecided or is_open:
        return None
    learned = [each for each in undecided if not each.has_learned_nothing]
    gains = find_last_epoch_gains(cell, undecided[0].margin)
    is_longer = bool(gains) or not learned
    command = _choose_command(cell, max(each.seeds for each in undecided), is_longer=is_longer)
    return NextSteps(gains, _list_outlook(cell, learned), command)


def _choose_command(cell: StudyRecord, seeds: int, *, is_longer: bool) -> str:
    """Return the command of a longer study with at least five seeds, or of one with more seeds."""
    epochs = len(cell.runs[0].metrics["test_accuracy"])
    seeds = cell.design.seeds if cell.design.looks else seeds
    if is_longer:
        return format_next_command(cell, seeds=max(seeds, SEED_COUNTS[0]), epochs=2 * epochs)
    more = next((count for count in SEED_COUNTS if count > seeds), 2 * seeds)
    return format_next_command(cell, seeds=more, epochs=epochs)


def find_last_epoch_gains(cell: StudyRecord, margin: float) -> dict[str, float]:
    """Return the mean gain of test accuracy in the last epoch, of each variant above the margin.

    A training of one epoch has gained what it is above guessing.
    """
    guessing = compute_guessing(cell)
    gains = {}
    for variant in cell.variants:
        runs = cell.get_runs(variant)
        if runs and guessing is not None:
            start = guessing.accuracy
            gain = float(np.mean([_get_last_epoch_gain(run, start) for run in runs]))
            if gain > margin:
                gains[variant] = gain
    return gains


def _get_last_epoch_gain(run: RunRecord, start: float) -> float:
    """Return the gain of test accuracy in the last epoch; `start` is the accuracy before the first."""
    accuracies = [start, *run.metrics["test_accuracy"].tolist()]
    return float(accuracies[-1] - accuracies[-2])


def _list_outlook(cell: StudyRecord, undecided: Sequence[Comparison]) -> tuple[SeedOutlook, ...]:
    """Return one row per number of seeds; none without a standard deviation."""
    alpha = _ALPHA / cell.design.comparison_count
    spreads = [each.seed_sd for each in undecided if each.seed_sd is not None]
    seconds_per_seed = sum(
        float(np.median([run.results["seconds"] for run in runs]))
        for variant in cell.variants
        if (runs := cell.get_runs(variant))
    )
    rows = []
    for seeds in SEED_COUNTS if spreads else ():
        shown = [compute_detectable_difference(sd=sd, seeds=seeds, alpha=alpha) for sd in spreads]
        rows.append(SeedOutlook(seeds, (min(shown), max(shown)), seeds * seconds_per_seed))
    return tuple(rows)
