"""The class sheets of the networks that `foveal explain` is given."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.analysis import MeanClassMaps, average_maps_by_class, collect_occlusion_records
from foveal.records.run import read_extras
from foveal.study.trained_runs import TrainedRun


def class_sheets(networks: Sequence[TrainedRun]) -> MeanClassMaps | None:
    """Return the sheets of networks whose runs left occlusion maps; None where one did not."""
    left = [(network.name, read_extras(network.folder).get("occlusion")) for network in networks]
    sweeps = collect_occlusion_records(left)
    return None if sweeps is None else average_maps_by_class(sweeps)
