"""Which networks and images an explanation is of, and the means that it shows."""

from pathlib import Path
from typing import Any

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
from foveal.errors import UsageError
from foveal.explanation import occlusion_sensitivity
from foveal.inspection.explanations import choose_explained_images, explain_runs
from foveal.inspection.map_metrics import compute_map_metrics
from foveal.inspection.trained_runs import TrainedRun, find_trained_runs, load_shared_images
from foveal.records import read_run
from foveal.study import Study
from foveal.study.probe_images import get_test_images
from study.small_study import changed


def stored(networks: list[TrainedRun], extra: str) -> list[VariantExtra]:
    return read_stored_extras([(run.name, run.folder) for run in networks], extra)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("explained") / "study"
    Study.open(found, changed(attention="none,cbam", test_size=100)).run()
    return found


@pytest.fixture(scope="module")
def networks(folder: Path) -> list[TrainedRun]:
    return find_trained_runs([folder])


@pytest.fixture(scope="module")
def data(networks: list[TrainedRun]) -> ImageData:
    return load_shared_images(networks)


def test_networks_are_found_in_studies_and_runs(folder: Path, networks: list[TrainedRun]) -> None:
    assert [(n.name, n.seed) for n in networks] == [
        ("none", 0), ("none", 1), ("cbam", 0), ("cbam", 1),
    ]  # fmt: skip
    run = networks[3].folder
    assert [(n.name, n.seed, n.folder) for n in find_trained_runs([run])] == [("cbam", 1, run)]
    some = find_trained_runs([folder], variants=["cbam", "none"], seeds=[1])
    assert [(n.name, n.seed) for n in some] == [("cbam", 1), ("none", 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variants": ["channel"]}, "`variants` should be of none, cbam"),
        ({"seeds": [7]}, "`seeds` should be of 0, 1"),
    ],
)
def test_what_is_not_there_is_refused(
    folder: Path, options: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_trained_runs([folder], **options)  # type: ignore[arg-type]


def test_networks_of_other_images_are_not_compared(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    Study.open(other, changed(attention="none", seeds=1, test_size=90)).run(with_extras=False)
    with pytest.raises(UsageError, match="were tested on different images"):
        find_trained_runs([folder, other])


def test_runs_that_differ_in_more_than_their_seed_are_told_apart(
    folder: Path, networks: list[TrainedRun], tmp_path: Path
) -> None:
    longer = tmp_path / "longer"
    config = changed(attention="none", seeds=1, test_size=100, epochs=3)
    Study.open(longer, config).run(with_extras=False)
    found = find_trained_runs([folder, longer, networks[0].folder])
    assert [(n.name, n.seed) for n in found] == [
        ("none in study", 0), ("none in study", 1), ("cbam", 0), ("cbam", 1), ("none in longer", 0),
    ]  # fmt: skip
    assert len({n.key for n in found}) == 5
    chosen = find_trained_runs([folder, longer], variants=["none"], seeds=[0])
    assert [n.name for n in chosen] == ["none in study", "none in longer"]


def test_maps_of_predictions_have_no_mean_over_seeds(
    networks: list[TrainedRun], data: ImageData
) -> None:
    with pytest.raises(UsageError, match="choose one seed"):
        explain_runs(networks, data, np.array([0]), selection="one", target="pred")
    found = explain_runs(networks[:1], data, np.arange(4), selection="four", target="pred")
    p = found.result.probabilities(networks[0].key)
    np.testing.assert_allclose(found.average_confidences("none"), p.amax(1))


def test_gates_are_found_to_be_something(networks: list[TrainedRun]) -> None:
    found = summarize_gates(stored(networks, "gates"))
    assert {one.variant for one in found} == {"cbam"}
    assert len(found) == 6
    for k, one in enumerate(found):
        left = [read_run(n.folder).extras["gates"] for n in networks[2:]]
        assert sum(one.status_counts.values()) == 2
        assert one.mean == pytest.approx(np.mean([each["mean"][k] for each in left]))
        words = [str(each["status"][k]) for each in left]
        assert all(one.status_counts[word] == words.count(word) for word in words)


def test_maps_are_means_over_seeds(networks: list[TrainedRun], data: ImageData) -> None:
    rows = np.array([5, 2, 40])
    found = explain_runs(networks, data, rows, selection="three")
    assert list(found.runs) == ["none", "cbam"]
    images, labels = get_test_images(data, rows), torch.from_numpy(data.test.labels[rows])
    each = [
        occlusion_sensitivity(n.load_network(), images, labels, normalization=(data.mean, data.std))
        for n in networks[2:]
    ]
    mean = (each[0].map() + each[1].map()) / 2
    np.testing.assert_allclose(found.average_maps("cbam"), mean, atol=1e-6)
    votes = found.count_votes("cbam")
    assert votes.sum(1).tolist() == [2, 2, 2]
    for row in range(3):
        guesses = [int(one.probabilities()[row].argmax()) for one in each]
        assert all(votes[row, guess] == guesses.count(guess) for guess in guesses)
    np.testing.assert_array_equal(found.labels, data.test.labels[rows])


def test_ways_to_choose_images(networks: list[TrainedRun], data: ImageData) -> None:
    labels = data.test.labels
    rows, rule = choose_explained_images(data, networks)
    assert labels[rows].tolist() == list(range(10))
    assert all(row == np.flatnonzero(labels == k)[0] for k, row in enumerate(rows))
    assert rule == "the first test image of each class"
    two, rule = choose_explained_images(data, networks, per_class=2)
    assert labels[two].tolist() == sorted([*range(10)] * 2)
    assert "first 2" in rule
    named, _ = choose_explained_images(data, networks, images=[7, 3])
    assert named.tolist() == [7, 3]
    with pytest.raises(UsageError, match="`images` should be from 0 to 99"):
        choose_explained_images(data, networks, images=[100])
    with pytest.raises(UsageError, match="in one way"):
        choose_explained_images(data, networks, images=[1], per_class=1)
    with pytest.raises(UsageError, match="`per_class` should be an integer, at least 1"):
        choose_explained_images(data, networks, per_class=0)


def test_where_variants_differ_is_read_from_the_records(
    networks: list[TrainedRun], data: ImageData
) -> None:
    rows, rule = choose_explained_images(data, networks, most_different=6)
    right = [read_run(n.folder).predictions["correct"].astype(float) for n in networks]
    gap = np.abs((right[0] + right[1]) / 2 - (right[2] + right[3]) / 2)
    assert gap[rows].tolist() == sorted(gap, reverse=True)[:6]
    assert "6 test images" in rule
    with pytest.raises(UsageError, match="two variants"):
        choose_explained_images(data, networks[:2], most_different=6)


def test_class_sheets_are_over_images_that_all_get_right(
    networks: list[TrainedRun], data: ImageData
) -> None:
    records = collect_occlusion_records(stored(networks, "occlusion"))
    assert records is not None
    sheets = average_maps_by_class(records)
    right = np.all([read_run(n.folder).predictions["correct"] for n in networks], axis=0)
    for k, label in enumerate(sheets.labels):
        assert bool(right[sheets.image_indices[k]].all())
        assert set(data.test.labels[sheets.image_indices[k]]) == {label}
        assert sheets.image_counts[k] == len(sheets.image_indices[k]) > 0
        images = get_test_images(data, sheets.image_indices[k])
        maps = [
            occlusion_sensitivity(
                n.load_network(),
                images,
                [int(label)] * len(images),
                normalization=(data.mean, data.std),
            ).map()
            for n in networks[:2]
        ]
        mean = torch.cat(maps).mean(0)
        np.testing.assert_allclose(sheets.maps["none"][k], mean, atol=1e-6)


def test_no_sheets_without_maps(folder: Path, networks: list[TrainedRun], tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    Study.open(bare, changed(attention="none", seeds=1, test_size=100)).run(with_extras=False)
    assert collect_occlusion_records(stored(find_trained_runs([bare]), "occlusion")) is None
    assert (
        collect_occlusion_records(stored([*networks, *find_trained_runs([bare])], "occlusion"))
        is None
    )
    assert (
        collect_robustness_curves(stored([*networks, *find_trained_runs([bare])], "robustness"))
        is None
    )


def test_robustness_curves_hold_every_seed(networks: list[TrainedRun]) -> None:
    found = collect_robustness_curves(stored(networks, "robustness"))
    assert found is not None
    assert list(found.curves) == ["occlusion", "noise", "blur", "contrast", "pixelate", "jpeg"]
    assert found.occluded_shares == (0.1, 0.2, 0.3, 0.4, 0.5)
    for network, (name, row) in zip(
        networks, [("none", 0), ("none", 1), ("cbam", 0), ("cbam", 1)], strict=True
    ):
        left = read_run(network.folder).extras["robustness"]
        expected = [left["clean_accuracy"], *left["accuracy"][left["condition"] == "blur"]]
        assert found.curves["blur"][name].accuracy[row].tolist() == expected


def test_measures_stand_beside_their_controls(networks: list[TrainedRun], data: ImageData) -> None:
    some = [networks[0], networks[2]]
    found = explain_runs(some, data, np.arange(4), selection="four")
    by_variant = {
        name: {one.name: one for one in many}
        for name, many in compute_map_metrics(some, found).items()
    }
    for name in ("insertion area", "deletion area", "pointing", "energy", "auc"):
        for variant in ("none", "cbam"):
            assert by_variant[variant][name].control is not None
    assert by_variant["none"]["grad-cam ~ occlusion"].control is None
    attention = [name for name in by_variant["cbam"] if name.startswith("blocks.")]
    assert len(attention) == 6
    assert by_variant["none"]["auc"].control == 0.5


def test_measures_are_of_the_maps_that_are_shown(
    networks: list[TrainedRun], data: ImageData
) -> None:
    def named(**options: Any) -> dict[str, float | None]:
        found = explain_runs(networks[2:3], data, np.arange(6), selection="six", **options)
        (many,) = compute_map_metrics(networks[2:3], found).values()
        return {one.name: one.value for one in many}

    first, other = named(), named(fill="noise", score="margin")
    assert first.keys() == other.keys()
    for name in ("insertion area", "pointing", "grad-cam ~ occlusion"):
        assert first[name] != other[name]
