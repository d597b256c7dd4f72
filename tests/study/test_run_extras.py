"""Extras of runs, compared with the networks themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.data import DecodedData, ImageData, Split, compute_colorfulness, load_data
from foveal.evaluation import CORRUPTIONS
from foveal.explanation import gate_maps, occlusion_sensitivity
from foveal.models import load_model
from foveal.records import StudyRecord
from foveal.study import RunConfig, Study, extras_registry
from foveal.study.probe_images import (
    choose_first_of_each_class,
    choose_probe_images,
    get_test_images,
)
from foveal.study.resolved_config import resolve_options
from foveal.study.run_extras import count_forward_passes, measure_extents
from foveal.study.training_job import build_job
from foveal.training import TrainingResult
from study.small_study import SMALL, change


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    folder = tmp_path_factory.mktemp("extras") / "study"
    config = change(attention="none,cbam,bam", seeds=1, test_size=100)
    return Study.open(folder, config).run()


@pytest.fixture(scope="module")
def data() -> ImageData:
    return load_data("scenes", train_size=SMALL.train_size, test_size=100)


def test_maps_are_those_of_the_trained_network(record: StudyRecord, data: ImageData) -> None:
    indices = choose_probe_images(data.test.labels, 10)
    for run in record.runs:
        extra = run.extras["occlusion"]
        np.testing.assert_array_equal(extra["image_indices"], indices)
        network = load_model(run.folder / "model")
        labels = torch.from_numpy(data.test.labels[indices])
        images = get_test_images(data, indices)
        normalization = (data.mean, data.std)
        result = occlusion_sensitivity(network, images, labels, normalization=normalization)
        np.testing.assert_allclose(extra["drop"], result.grid(), atol=3e-4)
        np.testing.assert_array_equal(extra["predicted"], run.predictions["predicted"][indices])
        np.testing.assert_array_equal(extra["shown_images"], data.test.images[indices[:10]])
        assert extra["window"].tolist() == [8, 8]
        options = [str(extra[name]) for name in ("fill", "score", "edge")]
        assert options == ["mean", "prob", "clip"]


def test_statistics_and_maps_of_gates(record: StudyRecord, data: ImageData) -> None:
    baseline, cbam, bam = record.runs
    assert "gates" not in baseline.extras
    for run, gate_count in ((cbam, 6), (bam, 3)):
        extra = run.extras["gates"]
        names = ("name", "site", "kind", "mean", "status")
        assert all(len(extra[name]) == gate_count for name in names)
        assert bool((extra["distance_from_start"] > 0).all())
        images = get_test_images(data, extra["shown_image_indices"])
        maps = gate_maps(load_model(run.folder / "model"), images)
        assert extra["name"].tolist() == [gate_map.name for gate_map in maps]
        for index, gate_map in enumerate(maps):
            if gate_map.kind != "channel":
                stored = extra[f"spatial_map_{index}"]
                np.testing.assert_allclose(stored, gate_map.spatial_map, atol=2e-3)
            if gate_map.kind != "spatial":
                stored = extra[f"channel_weights_{index}"]
                np.testing.assert_allclose(stored, gate_map.channel_weights, atol=2e-3)


def test_clean_accuracy_of_robustness_is_that_of_its_images(record: StudyRecord) -> None:
    for run in record.runs:
        extra = run.extras["robustness"]
        count = int(extra["image_count"])
        accuracy = run.predictions["correct"][:count].mean()
        assert float(extra["clean_accuracy"]) == pytest.approx(accuracy)
        assert set(extra["condition"]) == {"occlusion", *CORRUPTIONS}
        assert extra["accuracy"].shape == extra["severity"].shape == (30,)


def test_covariates_are_those_of_the_scenes(record: StudyRecord, data: ImageData) -> None:
    baseline, *others = record.runs
    assert all("covariates" not in run.extras for run in others)
    extra = baseline.extras["covariates"]
    np.testing.assert_array_equal(extra["extent"], data.test.columns["area"])
    np.testing.assert_allclose(extra["colorfulness"], compute_colorfulness(data.test.images))
    assert str(extra["extent_source"]) == "mask"


def test_extent_is_measured_without_masks(tmp_path: Path) -> None:
    source = f"{__name__}:make_scenes_without_masks"
    config = change(data=source, attention="none", seeds=1, test_size=50, epochs=1)
    (run,) = Study.open(tmp_path / "study", config).run().runs
    extra = run.extras["covariates"]
    assert str(extra["extent_source"]) == "occlusion"
    assert extra["extent"].shape == (10,)
    known = extra["extent"][np.isfinite(extra["extent"])]
    assert bool(((known > 0) & (known <= 1)).all())


def make_scenes_without_masks() -> DecodedData:
    scenes = load_data("scenes", train_size=120, test_size=50)
    train, test = (replace(split, columns={}) for split in (scenes.train, scenes.test))
    return DecodedData(scenes.classes, train, test)


def test_extent_of_a_known_map() -> None:
    class CornerNetwork(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            brightness = x[:, 0, :8, :8].mean((1, 2)) * 3
            return torch.stack((brightness, -brightness), 1)

    images = torch.ones(1, 1, 32, 32)
    result = occlusion_sensitivity(CornerNetwork(), images, [0], window=8, stride=8, fill=0.0)
    assert measure_extents(result).tolist() == [8 * 8 / (32 * 32)]
    flat = occlusion_sensitivity(CornerNetwork(), images, [1], window=8, stride=8, fill=1.0)
    assert bool(np.isnan(measure_extents(flat)).all())


def test_run_of_four_channels_stores_what_is_defined(tmp_path: Path) -> None:
    source = f"{__name__}:make_scenes_of_four_channels"
    config = change(data=source, attention="none", seeds=1, test_size=50, epochs=1)
    (run,) = Study.open(tmp_path / "study", config).run().runs
    assert "jpeg" not in run.extras["robustness"]["condition"]
    assert run.extras["occlusion"]["shown_images"].shape[-1] == 4
    assert "covariates" not in run.extras


def make_scenes_of_four_channels() -> DecodedData:
    scenes = load_data("scenes", train_size=120, test_size=50)
    train, test = (
        Split(np.concatenate((split.images, split.images[..., :1]), axis=-1), split.labels)
        for split in (scenes.train, scenes.test)
    )
    return DecodedData(scenes.classes, train, test)


def test_probe_images_are_selected_by_index() -> None:
    labels = np.array([2, 0, 0, 1, 2, 1, 0] * 100)
    indices = choose_probe_images(labels, 3)
    assert indices.tolist()[:3] == [1, 3, 0]
    assert len(indices) == 33
    assert np.bincount(labels[indices]).tolist() == [11, 11, 11]
    two_per_class = np.arange(250).repeat(2)
    assert len(choose_probe_images(two_per_class, 250)) == 100
    assert choose_first_of_each_class(labels, [2], 2).tolist() == [0, 4]


@pytest.mark.parametrize("variant", ["none", "cbam"])
def test_count_of_forward_passes(variant: str, data: ImageData) -> None:
    config = RunConfig(attention=variant, data="scenes", test_size=100, threads=1, dtype="float32")
    job = build_job(resolve_options(config, None), data)
    counts: list[int] = []
    job.model.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    training = TrainingResult(job.model, (), None, None, None, 0.0)  # type: ignore[arg-type]  # not used
    for compute in extras_registry.RUN_EXTRAS.values():
        compute(job, training)
    assert sum(counts) == count_forward_passes(config, data)
