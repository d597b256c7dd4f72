"""Robustness of variants to corrupted images, from the accuracies stored with the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from foveal.analysis.stored_extras import VariantExtra, group_comparable_extras

_FloatArray = npt.NDArray[np.floating[Any]]
_ARRAYS_EQUAL_IN_ALL_RUNS: Final = ("image_count", "condition", "severity", "amount")
"""Arrays that must be equal for runs to be compared."""


@dataclass(frozen=True, eq=False)
class _SeverityCurve:
    """Accuracy of one variant by severity: severities (S,), and accuracies (R, S) with one row per run.

    Accuracies are fractions; severity 0 are the clean images.
    """

    severity: _FloatArray
    accuracy: _FloatArray


@dataclass(frozen=True, eq=False)
class RobustnessCurves:
    """Curves by condition and variant, on the first `image_count` test images.

    `occluded_shares` are the shares of an image that occlusion covers, by severity.
    """

    curves: dict[str, dict[str, _SeverityCurve]]
    image_count: int
    occluded_shares: tuple[float, ...]


def collect_robustness_curves(extras: Sequence[VariantExtra]) -> RobustnessCurves | None:
    """Return the curves from the extra `robustness` of each run.

    None if a run has not stored it, or was tested on other images or conditions than the first run.
    """
    groups = group_comparable_extras(extras, _ARRAYS_EQUAL_IN_ALL_RUNS)
    if not groups:
        return None
    first = next(iter(groups.values()))[0]
    curves: dict[str, dict[str, _SeverityCurve]] = {}
    for condition in dict.fromkeys(first["condition"].tolist()):
        rows = first["condition"] == condition
        severity = np.append(0, first["severity"][rows])
        curves[condition] = {
            variant: _SeverityCurve(
                severity,
                np.stack([np.append(run["clean_accuracy"], run["accuracy"][rows]) for run in runs]),
            )
            for variant, runs in groups.items()
        }
    shares = first["amount"][first["condition"] == "occlusion"].tolist()
    return RobustnessCurves(curves, int(first["image_count"]), tuple(shares))
