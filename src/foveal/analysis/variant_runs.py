"""Runs of a study grouped by variant, the comparison of each variant with the baseline, and its arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from foveal.records import RunRecord, StudyRecord
from foveal.stats import Comparison, compare_variants
from foveal.text_format import replace_unprintable
from foveal.variant_names import BASELINE

_FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VariantRuns:
    """The finished runs of one variant, at least one, and their comparison with the baseline if possible.

    `style_index` selects color and marker, the same in every figure; 0 is reserved for the baseline.
    """

    variant: str
    style_index: int
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
        return float(np.median(self.get_results("seconds")))

    def get_results(self, name: str) -> _FloatArray:
        """Return one result per run, for example `test_accuracy`, of shape (R,)."""
        return np.array([run.results[name] for run in self.runs], dtype=np.float64)

    def get_metrics(self, column: str) -> _FloatArray:
        """Return one metric per run and epoch, of shape (R, E)."""
        return np.stack([run.metrics[column] for run in self.runs])

    @cached_property
    def confusion(self) -> _FloatArray:
        """Confusion counts summed over the runs, of shape (K, K); rows are true classes."""
        counts = np.stack([run.predictions["confusion"] for run in self.runs])
        return np.asarray(counts.sum(axis=0), dtype=np.float64)

    @cached_property
    def class_accuracies(self) -> _FloatArray:
        """Accuracy of each run in each class, of shape (R, K); NaN for a class without images."""
        return np.stack(
            [np.diag(normalize_rows(run.predictions["confusion"])) for run in self.runs]
        )


def normalize_rows(counts: npt.NDArray[np.int64] | _FloatArray) -> _FloatArray:
    """Return the rows divided by their sums; a row of zeros becomes NaN.

    >>> normalize_rows(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    sums = counts.sum(axis=1, keepdims=True, dtype=np.float64)
    return counts / np.where(sums > 0, sums, np.nan)


def compare_with_baseline(study: StudyRecord) -> list[Comparison]:
    """Compare each variant of a study, or of one cell of its grid, with the baseline."""
    return compare_variants(
        study.accuracies,
        baseline=BASELINE,
        correctness=study.correctness,
        margin=study.design.margin / 100,
        comparisons=study.design.comparison_count,
        planned_seeds=study.design.planned_seeds,
    )


def group_runs_by_variant(study: StudyRecord) -> list[VariantRuns]:
    """Return the variants with a finished run in the order of the study, each with its comparison."""
    comparisons = {comparison.variant: comparison for comparison in compare_with_baseline(study)}
    others = [variant for variant in study.variants if variant != BASELINE]
    return [
        VariantRuns(
            variant,
            0 if variant == BASELINE else 1 + others.index(variant),
            runs,
            comparisons.get(variant),
        )
        for variant in study.variants
        if (runs := study.get_runs(variant))
    ]
