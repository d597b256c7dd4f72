"""Metrics of maps, each with its control."""

from typing import Any

import numpy as np

from foveal.data import ImageData
from foveal.inspection import TrainedRun, compute_map_metrics, explain_runs


def test_metrics_have_controls(runs: list[TrainedRun], data: ImageData) -> None:
    selected = [runs[0], runs[2]]
    explanation = explain_runs(selected, data, np.arange(4), selection="four images")
    by_variant = {
        name: {metric.name: metric for metric in metrics}
        for name, metrics in compute_map_metrics(selected, explanation).items()
    }
    for name in ("insertion area", "deletion area", "pointing", "energy", "auc"):
        for variant in ("none", "cbam"):
            assert by_variant[variant][name].control is not None
    assert by_variant["none"]["grad-cam ~ occlusion"].control is None
    attention = [name for name in by_variant["cbam"] if name.startswith("blocks.")]
    assert len(attention) == 6
    assert by_variant["none"]["auc"].control == 0.5


def test_metrics_are_of_the_explained_maps(runs: list[TrainedRun], data: ImageData) -> None:
    def compute_values(**options: Any) -> dict[str, float | None]:
        explanation = explain_runs(runs[2:3], data, np.arange(6), selection="six images", **options)
        (metrics,) = compute_map_metrics(runs[2:3], explanation).values()
        return {metric.name: metric.value for metric in metrics}

    default, other = compute_values(), compute_values(fill="noise", score="margin")
    assert default.keys() == other.keys()
    for name in ("insertion area", "pointing", "grad-cam ~ occlusion"):
        assert default[name] != other[name]
