"""Sample: the runs of one variant that enter a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from foveal.stats.correctness import BoolArray
from foveal.stats.guessing import is_at_guessing


@dataclass(frozen=True, eq=False)
class Sample:
    """Runs of one variant, in the order of their seeds; accuracies are fractions of 1.

    `correct` is (runs, images), or None if unknown. `names_one_class` is True for a run that names one class
    for every image; it is empty if unknown. `omitted_runs` is the number of runs that are left out.
    """

    name: str
    accuracies: Sequence[float]
    seeds: Sequence[int]
    correct: BoolArray | None = None
    names_one_class: Sequence[bool] = ()
    omitted_runs: int = 0

    def select(self, seeds: set[int]) -> Sample:
        """Return the sample with the runs of these seeds only."""
        rows = [row for row, seed in enumerate(self.seeds) if seed in seeds]
        return replace(
            self,
            accuracies=[self.accuracies[row] for row in rows],
            seeds=[self.seeds[row] for row in rows],
            correct=None if self.correct is None else self.correct[rows],
            names_one_class=[self.names_one_class[row] for row in rows if self.names_one_class],
            omitted_runs=len(self.seeds) - len(rows),
        )

    def take_first(self, count: int) -> Sample:
        """Return the sample with the runs of its `count` smallest seeds only."""
        return self.select(set(sorted(self.seeds)[:count]))

    def is_at_guessing(self, *, guessing_accuracy: float, test_images: int) -> bool:
        """Return True if the mean accuracy is that of guessing, or if every run names one class only."""
        if self.names_one_class and all(self.names_one_class):
            return True
        mean = float(np.mean(self.accuracies))
        return bool(
            is_at_guessing(mean, guessing_accuracy=guessing_accuracy, test_images=test_images)
        )


def select_common_seeds(sample: Sample, reference: Sample) -> tuple[Sample, Sample]:
    """Return both samples with the runs of the seeds that both have.

    Verdicts from many runs of one variant and few of the other would be wrong too often: with 20 against 3
    in 12.7 % of studies without a difference, instead of 5 %.
    """
    common = set(sample.seeds) & set(reference.seeds)
    return sample.select(common), reference.select(common)


def select_leading_seeds(
    sample: Sample, reference: Sample, seeds: Sequence[int]
) -> tuple[Sample, Sample]:
    """Return both samples with the first of `seeds`, up to the first that one of them does not have."""
    common = set(sample.seeds) & set(reference.seeds)
    leading = set(takewhile(common.__contains__, seeds))
    return sample.select(leading), reference.select(leading)
