"""The robustness of the networks that `foveal explain` is given."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis import RobustnessCurves, collect_robustness_curves
from foveal.records.run import read_extras
from foveal.study.trained_runs import TrainedRun


def robustness_curves(networks: Sequence[TrainedRun]) -> RobustnessCurves | None:
    """Return the curves of networks whose runs left them; None where one did not, or on other images."""
    left = [(network.name, read_extras(network.folder).get("robustness")) for network in networks]
    return collect_robustness_curves(left)
