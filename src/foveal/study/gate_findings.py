"""What the gates of the networks that `foveal explain` is given turned out to do."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.records import GateFinding, gate_findings_of
from foveal.records.run import read_extras
from foveal.study.trained_runs import Network


def gate_findings(networks: Sequence[Network]) -> list[GateFinding]:
    """Return what was found of each gate of the networks whose runs left it."""
    return gate_findings_of(
        [(network.name, read_extras(network.folder).get("gates")) for network in networks]
    )
