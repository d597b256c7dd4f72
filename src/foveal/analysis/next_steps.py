"""Next steps after an undecided study: longer training first, then more seeds in a new study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foveal.analysis.learning import compute_guessing
from foveal.analysis.next_command import format_next_command
from foveal.analysis.training_times import compute_training_times
from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, compute_detectable_difference
from foveal.stats.decision import ALPHA
from foveal.stats.next_seeds import SEED_COUNTS, choose_more_seeds, count_undecided_seeds
from foveal.text_format import format_count, format_duration, format_percent, join_with_and
from foveal.variant_names import BASELINE, SAME_TIME_CONTROL, get_variant_name, has_attention

_MAX_GAIN_IN_MARGINS: Final = 3
"""Gain in the last epoch, in margins, up to which twice the epochs are advised; above it four times."""
_MIN_TIME_INCREASE: Final = 0.05
"""Share of training time that a better variant costs from which longer training may explain its gain."""


@dataclass(frozen=True)
class SeedOutlook:
    """The study of the next command with `seeds` seeds per variant.

    `detectable_differences` are the smallest true differences, as fractions of 1, that it finds with 80 %
    power if seeds differ as much as here: the smallest and the largest over the undecided comparisons.
    `extra_seconds` is the time of the runs of all variants, one after another.
    """

    seeds: int
    detectable_differences: tuple[float, float]
    extra_seconds: float


@dataclass(frozen=True)
class NextSteps:
    """Steps that would decide the undecided comparisons of one cell.

    `last_epoch_gains` are the gains of test accuracy in the last epoch, as fractions of 1, of the variants
    for which it is more than the margin: train these longer first. `outlook` is empty below three seeds and
    where nothing was learned.

    `command` starts the first step: a study of twice or four times as many epochs where longer training comes
    first, of twice as many where nothing was learned, otherwise one with the next larger number of seeds. It
    has `epochs` and `seeds`, its runs take `seconds` one after another, and it finds a true difference of
    `detectable_difference` with 80 % power if seeds differ as much as here; None without such an estimate.
    `reach` says what the new study tests and what it will probably not decide. `comparison_counts` are the
    comparisons that share the error rate here and in the new study.
    """

    last_epoch_gains: dict[str, float]
    outlook: tuple[SeedOutlook, ...]
    command: str
    epochs: int
    seeds: int
    seconds: float
    detectable_difference: float | None
    comparison_counts: tuple[int, int]
    reach: str = ""

    @property
    def training_advice(self) -> str:
        """Sentence that advises longer training; empty if no accuracy still rose by more than the margin."""
        gains = sorted(self.last_epoch_gains.items(), key=lambda item: -item[1])
        if not gains:
            return ""
        named = join_with_and([f"{name} by {format_percent(gain, 1)}" for name, gain in gains])
        return (
            "Train longer first: in the last epoch the test accuracy still rose by more than the margin, "
            f"{named} points. Trained longer, networks usually differ less from seed to seed."
        )

    @property
    def summary(self) -> str:
        """Size of the study that `command` starts, and which difference it finds."""
        most = "at most " if "--until-decided" in self.command else ""
        size = (
            f"{format_count(self.epochs, 'epoch')} and {most}{format_count(self.seeds, 'seed')} per variant, "
            f"{most or 'about '}{format_duration(self.seconds)} one run after another."
        )
        if self.detectable_difference is None:
            return size
        later = (
            "; after longer training seeds usually differ less, and it may find smaller ones too"
            if self.last_epoch_gains
            else ""
        )
        return (
            f"{size} If seeds differ as much as here, such a study has an 80 % chance to find a true "
            f"difference of {format_percent(self.detectable_difference)} points{later}.{self.reach}"
        )

    @property
    def outlook_note(self) -> str:
        """Conditions of the differences in `outlook`."""
        note = (
            "80 % power: an 80 % chance to find a true difference of this size, if seeds differ as much as "
            "here."
        )
        before, after = self.comparison_counts
        if after > before:
            note += (
                f" --same-time adds one plain network per variant, trained for as long as the variant takes. "
                f"That makes {after} comparisons instead of {before} (each control with none and with its "
                "variant as well), for which this table allows."
            )
        return note


def find_next_steps(cell: StudyRecord, comparisons: Sequence[Comparison]) -> NextSteps | None:
    """Return the steps that would decide them, or None if no comparison of the cell is undecided.

    There are none either while a sequential study goes on: its next look may decide.

    Args:
        cell: the study of one cell of the grid.
        comparisons: the comparisons of the cell.
    """
    undecided = [each for each in comparisons if each.verdict == "undecided"]
    design = cell.design
    seeds = count_undecided_seeds(comparisons, design.seeds if design.looks else None)
    if seeds is None:
        return None
    learned = [each for each in undecided if not each.has_learned_nothing]
    gains = find_last_epoch_gains(cell, undecided[0].margin)
    factor = _choose_epoch_factor(gains, undecided[0].margin, has_learned=bool(learned))
    seeds = max(seeds, SEED_COUNTS[0]) if factor > 1 else choose_more_seeds(seeds)
    epochs = factor * count_epochs(cell)
    controlled = _list_uncontrolled_variants(cell) if needs_same_time(cell, comparisons) else []
    command = format_next_command(cell, seeds=seeds, epochs=epochs, adds_same_time=bool(controlled))
    # A same-time control takes as long as its variant.
    seconds = factor * (_sum_seconds(cell, cell.variants) + _sum_seconds(cell, controlled))
    # Each control adds its own comparison and that of its variant.
    count = cell.design.comparison_count
    counts = count, count + 2 * len(controlled)
    alpha = ALPHA / counts[1]
    spreads = [each.seed_sd for each in learned if each.seed_sd is not None]
    detectable = None
    if spreads and not cell.design.looks:
        detectable = compute_detectable_difference(sd=max(spreads), seeds=seeds, alpha=alpha)
    outlook = _list_outlook(spreads, alpha=alpha, seconds_per_seed=seconds)
    reach = ""
    if detectable is not None:
        reach = _describe_lasting(comparisons) if factor > 1 else ""
        reach += _describe_needed_seeds(learned, outlook, alpha=alpha, seeds=seeds)
    return NextSteps(
        gains, outlook, command, epochs, seeds, seeds * seconds, detectable, counts, reach
    )


def _describe_lasting(comparisons: Sequence[Comparison]) -> str:
    """Return that longer training tests the gains, as a sentence after a space; empty without gains."""
    better = [
        each.variant
        for each in comparisons
        if each.reference == BASELINE and each.verdict == "better" and has_attention(each.variant)
    ]
    return f" It shows whether the gain of {join_with_and(better)} lasts." if better else ""


def _describe_needed_seeds(
    undecided: Sequence[Comparison], outlook: Sequence[SeedOutlook], *, alpha: float, seeds: int
) -> str:
    """Return which undecided differences need more than `seeds`, as a sentence after a space."""
    needed, beyond = [], []
    for each in undecided:
        if each.seed_sd is None or each.reference != BASELINE or not has_attention(each.variant):
            continue
        size = abs(each.difference)
        rows = [
            row
            for row in outlook
            if compute_detectable_difference(sd=each.seed_sd, seeds=row.seeds, alpha=alpha) <= size
        ]
        points = f"{each.variant} ({format_percent(size)} points"
        if not rows:
            beyond.append(f"{points})")
        elif rows[0].seeds > seeds:
            time = format_duration(rows[0].extra_seconds)
            needed.append(f"{rows[0].seeds} seeds for {points}, {time})")
    parts = [f"takes about {join_with_and(needed)}"] if needed else []
    if beyond:
        parts.append(f"is out of reach of {SEED_COUNTS[-1]} seeds for {join_with_and(beyond)}")
    return (
        f" A true difference as large as the measured one {join_with_and(parts)}." if parts else ""
    )


def count_epochs(cell: StudyRecord) -> int:
    """Return the number of epochs of the first run of a cell."""
    return len(cell.runs[0].metrics["test_accuracy"])


def _choose_epoch_factor(gains: dict[str, float], margin: float, *, has_learned: bool) -> int:
    """Return how many times as many epochs the next study should have.

    >>> _choose_epoch_factor({"none": 0.015}, 0.005, has_learned=True)
    2
    >>> _choose_epoch_factor({"none": 0.015, "cbam": 0.016}, 0.005, has_learned=True)
    4
    """
    if not gains:
        return 1 if has_learned else 2
    return 2 if max(gains.values()) <= _MAX_GAIN_IN_MARGINS * margin * (1 + 1e-9) else 4


def needs_same_time(cell: StudyRecord, comparisons: Sequence[Comparison]) -> bool:
    """Return True if a variant that is better costs more training time and has no control for it.

    False where the times are unreliable.
    """
    better = {
        each.variant
        for each in comparisons
        if each.reference == BASELINE and each.verdict == "better" and has_attention(each.variant)
    }
    if not better & set(_list_uncontrolled_variants(cell)):
        return False
    times = compute_training_times(cell)
    plain = times[BASELINE].epoch_seconds
    return any(
        times[variant].has_reliable_time
        and times[variant].epoch_seconds > (1 + _MIN_TIME_INCREASE) * plain
        for variant in better
    )


def _list_uncontrolled_variants(cell: StudyRecord) -> list[str]:
    """Return the variants with attention of a study without same-time controls; empty with any."""
    design = cell.design
    if any(get_variant_name(control) == SAME_TIME_CONTROL for control in design.controls):
        return []
    return [each for each in design.variants if has_attention(each) and each not in design.controls]


def _sum_seconds(cell: StudyRecord, variants: Sequence[str]) -> float:
    """Return the time of one run of each variant, the median over its runs."""
    return sum(
        float(np.median([run.results["seconds"] for run in runs]))
        for variant in variants
        if (runs := cell.get_runs(variant))
    )


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


def _list_outlook(
    spreads: Sequence[float], *, alpha: float, seconds_per_seed: float
) -> tuple[SeedOutlook, ...]:
    """Return one row per number of seeds; none without a standard deviation."""
    rows = []
    for seeds in SEED_COUNTS if spreads else ():
        shown = [compute_detectable_difference(sd=sd, seeds=seeds, alpha=alpha) for sd in spreads]
        rows.append(SeedOutlook(seeds, (min(shown), max(shown)), seeds * seconds_per_seed))
    return tuple(rows)
