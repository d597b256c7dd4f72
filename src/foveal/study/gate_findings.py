"""What the gates of the networks that `foveal explain` is given turned out to do."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis import GateSummary, summarize_gates
from foveal.records.run import read_extras
from foveal.study.trained_runs import TrainedRun


def gate_findings(networks: Sequence[TrainedRun]) -> list[GateSummary]:
    """Return what was found of each gate of the networks whose runs left it."""
    return summarize_gates(
        [(network.name, read_extras(network.folder).get("gates")) for network in networks]
    )
