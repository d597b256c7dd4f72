"""Self-check of a table of runs: how often two random halves of the baseline are called different."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from foveal.errors import UsageError
from foveal.stats.judgment import DataJudgment, Judgment
from foveal.stats.welch import run_welch_test
from foveal.validation import require_positive_int

MIN_RUNS: Final = 4


@dataclass(frozen=True)
class SelfCheck:
    """Comparisons of random halves of the runs of the baseline.

    Attributes:
        data: the data set; empty without a column of data sets.
        baseline: name of the baseline.
        runs: number of its runs.
        repeats: number of random splits.
        different: number of splits whose halves were called better or worse.
        level: level of the intervals, that of one comparison of the table.
    """

    data: str
    baseline: str
    runs: int
    repeats: int
    different: int
    level: float

    @property
    def half(self) -> int:
        """Number of runs in each half."""
        return self.runs // 2

    @property
    def split_count(self) -> int:
        """Number of different splits; of an odd number of runs, one is left out."""
        return math.comb(self.runs, self.half) * math.comb(self.runs - self.half, self.half) // 2


def run_self_check(judgment: Judgment, repeats: int, *, seed: int = 0) -> list[SelfCheck]:
    """Split the runs of the baseline at random and compare the halves, on each data set.

    Both halves are the same method, so that each difference is a false one.

    Args:
        judgment: the verdicts on the table.
        repeats: number of random splits.
        seed: seed of the splits.

    Raises:
        UsageError: the baseline has fewer than four runs on a data set.

    >>> from foveal.stats import judge
    >>> table = {"none": [0.70, 0.71, 0.72, 0.71, 0.70, 0.72], "cbam": [0.80, 0.805, 0.81, 0.80, 0.80, 0.81]}
    >>> (check,) = run_self_check(judge(table), 100)
    >>> check.half, check.different <= 100
    (3, True)
    """
    require_positive_int("repeats", repeats)
    return [_check_part(judgment, part, repeats, seed) for part in judgment.parts]


def _check_part(judgment: Judgment, part: DataJudgment, repeats: int, seed: int) -> SelfCheck:
    """Return the self-check on one data set."""
    name = judgment.baseline
    values = part.runs[name].values if name in part.runs else np.array([])
    if values.size < MIN_RUNS:
        raise UsageError(
            f"A self-check needs at least {MIN_RUNS} runs of the baseline. Found {values.size} of {name!r}."
        )
    random, half, different = np.random.default_rng(seed), values.size // 2, 0
    for _ in range(repeats):
        shuffled = random.permutation(values * judgment.scale.factor)
        test = run_welch_test(
            shuffled[:half].tolist(),
            shuffled[half : 2 * half].tolist(),
            test_images=judgment.test_images,
        )
        low, high = test.compute_interval(judgment.level) if test.standard_error else (0.0, 0.0)
        different += low > 0 or high < 0
    return SelfCheck(part.data, name, values.size, repeats, different, judgment.level)
