"""Aggregates of stored extras, compared with the records and the networks of a trained study."""

from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.analysis import (
    VariantExtra,
    average_maps_by_class,
    collect_occlusion_records,
    collect_robustness_curves,
    read_stored_extras,
    summarize_gates,
)
from foveal.data import ImageData
from foveal.explanation import occlusion_sensitivity
from foveal.inspection import TrainedRun, find_trained_runs
from foveal.records import read_run
from foveal.study import Study
from foveal.study.probe_images import get_test_images
from study.small_study import change


def read_extras(runs: list[TrainedRun], extra: str) -> list[VariantExtra]:
    return read_stored_extras([(run.name, run.folder) for run in runs], extra)


def test_gates_are_summarized_over_seeds(runs: list[TrainedRun]) -> None:
    summaries = summarize_gates(read_extras(runs, "gates"))
    assert {summary.variant for summary in summaries} == {"cbam"}
    assert len(summaries) == 6
    stored = [read_run(run.folder).extras["gates"] for run in runs[2:]]
    for index, summary in enumerate(summaries):
        assert sum(summary.status_counts.values()) == 2
        assert summary.mean == pytest.approx(np.mean([each["mean"][index] for each in stored]))
        statuses = [str(each["status"][index]) for each in stored]
        assert all(summary.status_counts[status] == statuses.count(status) for status in statuses)


def test_class_maps_are_over_images_that_all_runs_classify_correctly(
    runs: list[TrainedRun], data: ImageData
) -> None:
    records = collect_occlusion_records(read_extras(runs, "occlusion"))
    assert records is not None
    class_maps = average_maps_by_class(records)
    correct = np.all([read_run(run.folder).predictions["correct"] for run in runs], axis=0)
    networks = [run.load_network() for run in runs[:2]]
    for index, label in enumerate(class_maps.labels):
        image_indices = class_maps.image_indices[index]
        assert bool(correct[image_indices].all())
        assert set(data.test.labels[image_indices]) == {label}
        assert class_maps.image_counts[index] == len(image_indices) > 0
        images, labels = get_test_images(data, image_indices), [int(label)] * len(image_indices)
        maps = [
            occlusion_sensitivity(
                network, images, labels, normalization=(data.mean, data.std)
            ).map()
            for network in networks
        ]
        mean = torch.cat(maps).mean(0)
        np.testing.assert_allclose(class_maps.maps["none"][index], mean, atol=1e-6)


def test_runs_without_extras_have_no_aggregates(runs: list[TrainedRun], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    config = change(attention="none", seeds=1, test_size=100, epochs=1)
    Study.open(bare, config).run(with_extras=False)
    bare_runs = find_trained_runs([bare])
    assert collect_occlusion_records(read_extras(bare_runs, "occlusion")) is None
    mixed = [*runs, *bare_runs]
    assert collect_occlusion_records(read_extras(mixed, "occlusion")) is None
    assert collect_robustness_curves(read_extras(mixed, "robustness")) is None


def test_robustness_curves_have_every_seed(runs: list[TrainedRun]) -> None:
    robustness = collect_robustness_curves(read_extras(runs, "robustness"))
    assert robustness is not None
    conditions = ["occlusion", "noise", "blur", "contrast", "pixelate", "jpeg"]
    assert list(robustness.curves) == conditions
    assert robustness.occluded_shares == (0.1, 0.2, 0.3, 0.4, 0.5)
    for run in runs:
        extra = read_run(run.folder).extras["robustness"]
        expected = [extra["clean_accuracy"], *extra["accuracy"][extra["condition"] == "blur"]]
        curve = robustness.curves["blur"][run.name]
        assert curve.accuracy[run.seed].tolist() == expected
