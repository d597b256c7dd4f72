"""Result of `foveal.stats.judge`: the verdicts on a table of runs, next runs and suspicions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foveal.stats.comparison import Comparison
from foveal.stats.judge_design import JudgeDesign
from foveal.stats.outcome_scale import OutcomeScale
from foveal.stats.value_checks import Suspicion, VariantValues

VERDICT_EXIT_CODES: Final = {"better": 0, "equivalent": 10, "undecided": 11, "worse": 12}
"""Exit code of `foveal judge --exit-code` by verdict."""


@dataclass(frozen=True, eq=False)
class DataJudgment:
    """Verdicts on the runs of one data set.

    Attributes:
        data: the data set; empty without a column of data sets.
        comparisons: each variant with the baseline, as fractions of 1 for accuracies.
        runs: outcomes and seeds of each variant, as in the table.
        next_runs: seeds to train next, by variant; empty if no comparison needs a run.
        is_new_study: True if `next_runs` are a new study: these are undecided after all seeds they have.
        new_design: first seed and largest number of seeds of a new design after an undecided one, or None.
    """

    data: str
    comparisons: tuple[Comparison, ...]
    runs: Mapping[str, VariantValues]
    next_runs: Mapping[str, tuple[int, ...]]
    is_new_study: bool = False
    new_design: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Judgment:
    """Verdicts on a table of runs.

    Attributes:
        parts: one for each data set.
        baseline: the baseline.
        outcome: name of the outcome.
        margin: largest difference that counts as equivalent, in the unit of the table; None if none was given.
        lower_is_better: True for losses and errors.
        is_best: True if the outcome is a best epoch or a maximum over epochs.
        scale: conversion of the values of the table.
        suspicions: signs that the runs are not what a verdict assumes.
        unchecked: checks that could not be made, a sentence each.
        notes: what was guessed or left out, a sentence each.
        design: design of a sequential judgment, or None.
        level: level at which one comparison is made; of a sequential one, over all looks together.
        test_images: number of test images, or None.
    """

    parts: tuple[DataJudgment, ...]
    baseline: str
    outcome: str
    margin: float | None
    lower_is_better: bool
    is_best: bool
    scale: OutcomeScale
    suspicions: tuple[Suspicion, ...] = ()
    unchecked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    design: JudgeDesign | None = None
    level: float = 0.95
    test_images: int | None = None

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparisons of all data sets."""
        return [comparison for part in self.parts for comparison in part.comparisons]

    @property
    def exit_code(self) -> int:
        """Exit code: 0 better, 10 equivalent, 11 undecided, 12 worse; of several verdicts the largest."""
        codes = [VERDICT_EXIT_CODES[each.verdict] for each in self.comparisons]
        return max(codes, default=VERDICT_EXIT_CODES["undecided"])
