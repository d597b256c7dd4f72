"""The robustness of variants, out of what their runs left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.records.run import Arrays


@dataclass(frozen=True, eq=False)
class RobustnessCurve:
    """Curve of one variant: severities (M,), and accuracies as fractions, one row per seed, (S, M)."""

    severity: npt.NDArray[Any]
    accuracy: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class RobustnessCurves:
    """Curves by condition and variant, on `images` test images; `shares` of them are hidden."""

    curves: dict[str, dict[str, RobustnessCurve]]
    images: int
    shares: tuple[float, ...]


def collect_robustness_curves(left: Sequence[tuple[str, Arrays | None]]) -> RobustnessCurves | None:
    """Return the curves of what runs left, each beside the name of its variant.

    None where a run left nothing, or was asked for other images or conditions than the first.
    """
    found = [(name, arrays) for name, arrays in left if arrays is not None]
    if not found or len(found) < len(left):
        return None
    first = found[0][1]
    if not all(same_conditions(arrays, first) for _, arrays in found):
        return None
    curves: dict[str, dict[str, RobustnessCurve]] = {}
    for condition in dict.fromkeys(first["condition"].tolist()):
        rows = first["condition"] == condition
        severity = np.append(0, first["severity"][rows])  # 0 are the images as they are
        for name in dict.fromkeys(name for name, _ in found):
            own = [arrays for variant, arrays in found if variant == name]
            accuracy = [np.append(one["clean"], one["accuracy"][rows]) for one in own]
            curves.setdefault(condition, {})[name] = RobustnessCurve(severity, np.stack(accuracy))
    shares = first["amount"][first["condition"] == "occlusion"].tolist()
    return RobustnessCurves(curves, int(first["images"]), tuple(shares))


def same_conditions(one: Arrays, other: Arrays) -> bool:
    """Say whether two runs were asked for the same."""
    names = ("images", "condition", "severity", "amount")
    return all(np.array_equal(one[name], other[name]) for name in names)
