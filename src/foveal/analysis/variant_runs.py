"""Runs of a study grouped by variant, the comparison of each variant with the baseline, and its arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from foveal.analysis.learning import compute_guessing, has_one_predicted_class
from foveal.records import Design, RunRecord, StudyRecord
from foveal.stats import Comparison, SequentialDesign, compare_variants, plan_looks
from foveal.text_format import replace_unprintable
from foveal.variant_names import BASELINE

_FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VariantRuns:
    """The finished runs of one variant, at least one, and its comparisons if possible.

    `comparison` is that with the baseline, and `contrasts` are those with the controls of the variant.
    `style_index` selects color and marker, the same in every figure; 0 is reserved for the baseline.
    """

    variant: str
    style_index: int
    runs: tuple[RunRecord, ...]
    comparison: Comparison | None = None
    contrasts: tuple[Comparison, ...] = ()

    @property
    def comparisons(self) -> list[Comparison]:
        """The comparison with the baseline, if there is one, then those with controls."""
        return [*([self.comparison] if self.comparison else []), *self.contrasts]

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


def compare_cell_variants(cell: StudyRecord) -> list[Comparison]:
    """Compare each variant of one cell with the baseline, then each variant with its controls.

    All comparisons of all cells share the error rate. Only seeds that both variants have count.
    """
    guessing = compute_guessing(cell)
    if guessing is None or BASELINE not in cell.accuracies:
        return []
    return compare_variants(
        cell.accuracies,
        baseline=BASELINE,
        contrasts=cell.design.contrasts,
        margin=cell.design.margin / 100,
        seeds=cell.seeds,
        correctness=cell.correctness,
        names_one_class={
            variant: [has_one_predicted_class(run) for run in cell.get_runs(variant)]
            for variant in cell.variants
        },
        test_images=guessing.test_images,
        guessing_accuracy=guessing.accuracy,
        planned_seeds=cell.design.planned_seeds,
        comparisons=cell.design.comparison_count,
        design=plan_design_looks(cell.design),
    )


def plan_design_looks(design: Design) -> SequentialDesign | None:
    """Return the looks of one comparison of a sequential study with their levels; None for other studies."""
    if not design.looks:
        return None
    return plan_looks(
        design.looks[-1],
        comparisons=design.comparison_count,
        stops_when_unlikely=design.stops_when_unlikely,
    )


def group_runs_by_variant(study: StudyRecord) -> list[VariantRuns]:
    """Return the variants with a finished run in the order of the study, each with its comparisons."""
    comparisons: dict[str, list[Comparison]] = {}
    for comparison in compare_cell_variants(study):
        comparisons.setdefault(comparison.variant, []).append(comparison)
    others = [variant for variant in study.variants if variant != BASELINE]
    return [
        VariantRuns(
            variant,
            0 if variant == BASELINE else 1 + others.index(variant),
            runs,
            next((c for c in comparisons.get(variant, []) if c.reference == BASELINE), None),
            tuple(c for c in comparisons.get(variant, []) if c.reference != BASELINE),
        )
        for variant in study.variants
        if (runs := study.get_runs(variant))
    ]
