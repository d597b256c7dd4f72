"""The robustness of variants, out of the records of their runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveal.drawing import Curve
from foveal.evaluation import Robustness
from foveal.records.run import Arrays, read_extras
from foveal.study.networks import Network


@dataclass(frozen=True, eq=False)
class RobustnessCurves:
    """Curves by condition and variant, on `images` test images; `shares` of them are hidden."""

    curves: dict[str, dict[str, Curve]]
    images: int
    shares: tuple[float, ...]


def robustness_curves(networks: Sequence[Network]) -> RobustnessCurves | None:
    """Return the curves of networks whose runs left them; None where one did not, or on other images."""
    left = [read_extras(network.folder).get("robustness") for network in networks]
    found = [one for one in left if one is not None]
    if len(found) < len(networks) or not all(same_conditions(one, found[0]) for one in found):
        return None
    first = found[0]
    curves: dict[str, dict[str, Curve]] = {}
    for condition in dict.fromkeys(first["condition"].tolist()):
        for name in dict.fromkeys(network.name for network in networks):
            own = [one for one, n in zip(found, networks, strict=True) if n.name == name]
            severity, accuracy = zip(*(measured(one).curve(condition) for one in own), strict=True)
            curves.setdefault(condition, {})[name] = Curve(severity[0], np.stack(accuracy))
    shares = first["amount"][first["condition"] == "occlusion"].tolist()
    return RobustnessCurves(curves, int(first["images"]), tuple(shares))


def measured(left: Arrays) -> Robustness:
    """Return what a run has left as it was measured."""
    fields: dict[str, Any] = dict(left)
    return Robustness(**fields)


def same_conditions(one: Arrays, other: Arrays) -> bool:
    """Say whether two runs were asked for the same."""
    names = ("images", "condition", "severity", "amount")
    return all(np.array_equal(one[name], other[name]) for name in names)
