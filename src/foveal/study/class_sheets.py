"""The class sheets of the networks that `foveal explain` is given."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.records import ClassSheets, class_sheets_of, sweeps_of
from foveal.records.run import read_extras
from foveal.study.trained_runs import Network


def class_sheets(networks: Sequence[Network]) -> ClassSheets | None:
    """Return the sheets of networks whose runs left occlusion maps; None where one did not."""
    left = [(network.name, read_extras(network.folder).get("occlusion")) for network in networks]
    sweeps = sweeps_of(left)
    return None if sweeps is None else class_sheets_of(sweeps)
