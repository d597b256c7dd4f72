"""What runs leave of where their networks look, against the networks themselves."""

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
from foveal.study import RunConfig, Study, extras
from foveal.study.probe_images import (
    choose_first_of_each_class,
    choose_probe_images,
    get_test_images,
)
from foveal.study.resolved_config import resolve_options
from foveal.study.run_extras import count_forward_passes, measure_extents
from foveal.study.training_job import build_job
from foveal.training import TrainingResult
from study.small_study import SMALL, changed


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> StudyRecord:
    folder = tmp_path_factory.mktemp("seen") / "study"
    config = changed(attention="none,cbam,bam", seeds=1, test_size=100)
    return Study.open(folder, config).run()


@pytest.fixture(scope="module")
def data() -> ImageData:
    return load_data("scenes", train_size=SMALL.train_size, test_size=100)


def test_maps_are_those_of_the_trained_network(record: StudyRecord, data: ImageData) -> None:
    rows = choose_probe_images(data.test.labels, 10)
    for run in record.runs:
        left = run.extras["occlusion"]
        np.testing.assert_array_equal(left["image_indices"], rows)
        model = load_model(run.folder / "model")
        labels = torch.from_numpy(data.test.labels[rows])
        norm = (data.mean, data.std)
        result = occlusion_sensitivity(
            model, get_test_images(data, rows), labels, normalization=norm
        )
        np.testing.assert_allclose(left["drop"], result.grid(), atol=1e-6)
        np.testing.assert_array_equal(left["predicted"], run.predictions["predicted"][rows])
        np.testing.assert_array_equal(left["shown_images"], data.test.images[rows[:10]])
        assert left["window"].tolist() == [8, 8]
        assert (str(left["fill"]), str(left["score"]), str(left["edge"])) == (
            "mean",
            "prob",
            "clip",
        )


def test_gates_leave_statistics_and_pictures(record: StudyRecord, data: ImageData) -> None:
    plain, cbam, bam = record.runs
    assert "gates" not in plain.extras
    for run, sites in ((cbam, 6), (bam, 3)):
        left = run.extras["gates"]
        assert all(len(left[name]) == sites for name in ("name", "site", "kind", "mean", "status"))
        assert bool((left["distance_from_start"] > 0).all())
        maps = gate_maps(
            load_model(run.folder / "model"), get_test_images(data, left["shown_image_indices"])
        )
        assert left["name"].tolist() == [one.name for one in maps]
        for k, one in enumerate(maps):
            if one.kind != "channel":
                np.testing.assert_allclose(left[f"spatial_map_{k}"], one.spatial_map, atol=2e-3)
            if one.kind != "spatial":
                np.testing.assert_allclose(
                    left[f"channel_weights_{k}"], one.channel_weights, atol=2e-3
                )


def test_robustness_starts_at_the_accuracy_of_its_images(record: StudyRecord) -> None:
    for run in record.runs:
        left = run.extras["robustness"]
        count = int(left["image_count"])
        assert float(left["clean_accuracy"]) == pytest.approx(
            run.predictions["correct"][:count].mean()
        )
        assert set(left["condition"]) == {"occlusion", *CORRUPTIONS}
        assert left["accuracy"].shape == left["severity"].shape == (30,)


def test_covariates_are_those_of_the_scenes(record: StudyRecord, data: ImageData) -> None:
    plain, *others = record.runs
    assert all("covariates" not in run.extras for run in others)
    left = plain.extras["covariates"]
    np.testing.assert_array_equal(left["extent"], data.test.columns["area"])
    np.testing.assert_allclose(left["colorfulness"], compute_colorfulness(data.test.images))
    assert str(left["extent_source"]) == "mask"


def test_without_masks_the_extent_is_measured(tmp_path: Path) -> None:
    study = Study.open(
        tmp_path / "study",
        changed(
            data=f"{__name__}:without_masks",
            attention="none",
            seeds=1,
            test_size=50,
            train_size=120,
        ),
    )
    (run,) = study.run().runs
    left = run.extras["covariates"]
    assert str(left["extent_source"]) == "occlusion"
    assert left["extent"].shape == (10,)
    known = left["extent"][np.isfinite(left["extent"])]
    assert bool(((known > 0) & (known <= 1)).all())


def without_masks() -> DecodedData:
    found = load_data("scenes", train_size=120, test_size=50)
    train, test = (replace(split, columns={}) for split in (found.train, found.test))
    return DecodedData(found.classes, train, test)


def test_the_extent_of_a_known_map() -> None:
    class Corner(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            lit = x[:, 0, :8, :8].mean((1, 2)) * 3
            return torch.stack((lit, -lit), 1)

    images = torch.ones(1, 1, 32, 32)
    result = occlusion_sensitivity(Corner(), images, [0], window=8, stride=8, fill=0.0)
    assert measure_extents(result).tolist() == [8 * 8 / (32 * 32)]
    flat = occlusion_sensitivity(Corner(), images, [1], window=8, stride=8, fill=1.0)
    assert bool(np.isnan(measure_extents(flat)).all())


def test_a_run_of_four_channels_leaves_what_it_can(tmp_path: Path) -> None:
    study = Study.open(
        tmp_path / "study",
        changed(data=f"{__name__}:four_channels", attention="none", seeds=1, test_size=50),
    )
    (run,) = study.run().runs
    assert "jpeg" not in run.extras["robustness"]["condition"]
    assert run.extras["occlusion"]["shown_images"].shape[-1] == 4
    assert "covariates" not in run.extras


def four_channels() -> DecodedData:
    found = load_data("scenes", train_size=120, test_size=50)
    train, test = (
        Split(np.concatenate((split.images, split.images[..., :1]), axis=-1), split.labels)
        for split in (found.train, found.test)
    )
    return DecodedData(found.classes, train, test)


def test_images_are_chosen_by_place_alone() -> None:
    labels = np.array([2, 0, 0, 1, 2, 1, 0] * 100)
    rows = choose_probe_images(labels, 3)
    assert rows.tolist()[:3] == [1, 3, 0]
    assert len(rows) == 33
    assert np.bincount(labels[rows]).tolist() == [11, 11, 11]
    many = np.arange(250).repeat(2)
    assert len(choose_probe_images(many, 250)) == 100
    assert choose_first_of_each_class(labels, [2], 2).tolist() == [0, 4]


@pytest.mark.parametrize("variant", ["none", "cbam"])
def test_a_plan_knows_how_many_images_go_through(variant: str, data: ImageData) -> None:
    config = RunConfig(attention=variant, data="scenes", test_size=100, threads=1, dtype="float32")
    job = build_job(resolve_options(config, None), data)
    seen: list[int] = []
    job.model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    training = TrainingResult(job.model, (), None, 0.0)  # type: ignore[arg-type]  # not looked at
    for name in ("occlusion", "gates", "robustness", "covariates"):
        extras.RUN_EXTRAS[name](job, training)
    assert sum(seen) == count_forward_passes(config, data)
