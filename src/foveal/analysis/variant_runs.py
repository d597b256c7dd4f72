"""The runs of a study by variant, and the arrays that tables and figures take from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, compare_variants
from foveal.text_format import replace_unprintable
from foveal.variant_names import BASELINE

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VariantRuns:
    """The finished runs of one variant, at least one.

    `place` picks color and marker, the same in every figure; 0 is kept for the baseline.
    `comparison` is that with the baseline, where there is one.
    """

    variant: str
    place: int
    runs: tuple[RunRecord, ...]
    comparison: Comparison | None = None

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return [run.results["seed"] for run in self.runs]

    @property
    def classes(self) -> list[str]:
        """Names of the K classes."""
        return [replace_unprintable(name) for name in self.runs[0].results["classes"]]

    @property
    def seconds(self) -> float:
        """Median duration of a run."""
        return float(np.median(self.results("seconds")))

    def results(self, name: str) -> FloatArray:
        """Return one number a run, say `test_accuracy`, of shape (R,)."""
        return np.array([run.results[name] for run in self.runs], dtype=np.float64)

    def curves(self, column: str) -> FloatArray:
        """Return one row a run and one column an epoch, of shape (R, E)."""
        return np.stack([run.metrics[column] for run in self.runs])

    @cached_property
    def confusion(self) -> FloatArray:
        """Counts over all runs, rows true, of shape (K, K)."""
        counts = np.stack([run.predictions["confusion"] for run in self.runs])
        return np.asarray(counts.sum(axis=0), dtype=np.float64)

    @cached_property
    def class_accuracies(self) -> FloatArray:
        """Accuracy of each run in each class, of shape (R, K); NaN for a class without images."""
        return np.stack(
            [np.diag(normalize_rows(run.predictions["confusion"])) for run in self.runs]
        )


def normalize_rows(counts: npt.NDArray[np.int64] | FloatArray) -> FloatArray:
    """Divide each row by its sum; a row of zeros becomes NaN.

    >>> normalize_rows(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    sums = counts.sum(axis=1, keepdims=True, dtype=np.float64)
    return counts / np.where(sums > 0, sums, np.nan)


def compare_with_baseline(study: StudyRecord) -> list[Comparison]:
    """Compare each variant of a study, or of a cell of its grid, with `none`, by the one rule."""
    return compare_variants(**study.evidence, baseline=BASELINE)


def group_runs_by_variant(study: StudyRecord) -> list[VariantRuns]:
    """Return the variants with a finished run, in the order of the study, compared with `none`."""
    finished = {v: runs for v in study.variants if (runs := study.runs_of(v))}
    compared = {comparison.variant: comparison for comparison in compare_with_baseline(study)}
    others = [v for v in study.variants if v != BASELINE]
    return [
        VariantRuns(v, 0 if v == BASELINE else 1 + others.index(v), runs, compared.get(v))
        for v, runs in finished.items()
    ]
