"""The robustness of the networks that `foveal explain` is given."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.records import RobustnessCurves, curves_of
from foveal.records.run import read_extras
from foveal.study.trained_runs import Network


def robustness_curves(networks: Sequence[Network]) -> RobustnessCurves | None:
    """Return the curves of networks whose runs left them; None where one did not, or on other images."""
    left = [(network.name, read_extras(network.folder).get("robustness")) for network in networks]
    return curves_of(left)
