"""Maps, class sheets, gates and agreement stand in the report as the runs left them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foveal.analysis import average_maps_by_class, collect_occlusion_records, summarize_gates
from foveal.explanation.occlusion.windows import Windows
from foveal.records import write_extra
from foveal.records.manifest import write_manifest
from report.test_report import TWO, page_of, write_fake_study

Arrays = dict[str, np.ndarray[Any, Any]]
WINDOWS = Windows((6, 8), (2, 4), (2, 2), "clip")


def swept(seed: int, *, gates: bool = False) -> Arrays:
    """What a run of `write_fake_run` would leave of four images: two cats, a dog, a frog."""
    random = np.random.default_rng(seed)
    down, across = WINDOWS.starts
    labels = np.array([0, 1, 2, 0])
    pairs = [("grad-cam", "occlusion")] + [("blocks.0.attention", "occlusion")] * gates
    return {
        "images": np.array([5, 3, 1, 9]),
        "labels": labels,
        "drop": random.normal(size=(4, *WINDOWS.shape)).astype(np.float32),
        "predicted": np.zeros((4, *WINDOWS.shape), np.uint16),
        "probability": random.random(4),
        "prediction": np.where(np.arange(4) == 1, 2, labels).astype(np.uint16),
        "pictures": random.integers(0, 256, (3, 6, 8, 3), dtype=np.uint8),
        "image_size": np.array(WINDOWS.image_size),
        "window": np.array(WINDOWS.window),
        "stride": np.array(WINDOWS.stride),
        "edge": np.array("clip"),
        "starts_down": np.array(down),
        "starts_across": np.array(across),
        "fill": np.array("mean"),
        "score": np.array("prob"),
        "agreement_of": np.array(pairs),
        "agreement": np.array([0.25, 0.5][: len(pairs)]),
        "agreement_control": np.array([np.nan, 0.125][: len(pairs)]),
    }


def gated() -> Arrays:
    return {
        "name": np.array(["blocks.0.attention.channel", "blocks.0.attention.spatial"]),
        "site": np.array(["blocks.0", "blocks.0"]),
        "kind": np.array(["channel", "spatial"]),
        "finding": np.array(["working", "fixed"]),
        "useless": np.array([False, True]),
        "mean": np.array([0.5, 0.25]),
        "between_images": np.array([0.1, 0.0]),
        "moved": np.array([0.2, 0.3]),
        "channels_0": np.linspace(0, 1, 15).reshape(3, 5),
        "spatial_1": np.linspace(0, 1, 36).reshape(3, 3, 4),
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return with_looks(write_fake_study(tmp_path / "study", TWO), TWO)


def with_looks(folder: Path, accuracies: dict[str, list[float]]) -> Path:
    """Leave with each run of a study what extras would."""
    for place, values in enumerate(accuracies.values()):
        for seed in range(len(values)):
            run = folder / "runs" / f"{place}-{seed}"
            write_extra(run, "occlusion", swept(10 * place + seed, gates=place > 0))
            if place:
                write_extra(run, "gates", gated())
            write_manifest(run)
    return folder


def test_a_map_is_the_mean_over_seeds_of_what_windows_say() -> None:
    left = [("none", swept(1)), ("none", swept(2)), ("channel", swept(3))]
    sweeps = collect_occlusion_records(left)
    assert sweeps is not None
    drops = (torch.from_numpy(swept(1)["drop"]) + torch.from_numpy(swept(2)["drop"])) / 2
    np.testing.assert_allclose(
        sweeps.maps("none"), WINDOWS.grid_to_pixels(drops).numpy(), rtol=1e-5
    )
    np.testing.assert_allclose(sweeps.falls("none"), drops.flatten(1).amax(1), rtol=1e-6)
    assert sweeps.maps("none", 2).shape == (2, 6, 8)
    assert sweeps.guesses("none") == [(0, 2), (2, 2), (2, 2), (0, 2)]


def test_a_class_sheet_is_over_images_that_every_run_gets_right() -> None:
    sweeps = collect_occlusion_records([("none", swept(1)), ("channel", swept(3))])
    assert sweeps is not None
    sheets = average_maps_by_class(sweeps)
    assert sheets.labels.tolist() == [0, 2]
    assert sheets.counts.tolist() == [2, 1]
    assert [rows.tolist() for rows in sheets.rows] == [[5, 9], [1]]
    mean = torch.from_numpy(swept(1)["drop"][[0, 3]].mean(0))
    np.testing.assert_allclose(
        sheets.maps["none"][0], WINDOWS.grid_to_pixels(mean).numpy(), rtol=1e-5
    )


def test_of_other_images_or_without_a_run_there_is_no_sweep() -> None:
    other = swept(1) | {"images": np.array([5, 3, 1, 8])}
    assert collect_occlusion_records([]) is None
    assert collect_occlusion_records([("none", swept(1)), ("channel", None)]) is None
    assert collect_occlusion_records([("none", swept(1)), ("channel", other)]) is None


def test_the_page_shows_every_image_by_its_class(study: Path) -> None:
    page = page_of(study)
    shown = [
        value for tag, name, value in page.attributes if (tag, name) == ("figure", "data-class")
    ]
    assert shown == ["cat", "dog", "frog", "cat", "frog"]  # images, then sheets
    said = [v for v in page.values("aria-label") if v.startswith("Occlusion maps of test image 3")]
    assert len(said) == 1
    assert "dog; largest drop: none" in said[0]
    assert "Hidden is a window of 2 x 4 px, filled with the mean" in " ".join(page.text.split())


def test_agreement_stands_beside_its_control(study: Path) -> None:
    page = page_of(study)
    assert page.row("none", "grad-cam and occlusion")[2:] == ["0.25", ""]
    assert page.row("channel", "blocks.0 and occlusion")[2:] == ["0.50", "0.12"]


def test_gates_are_those_of_the_records(study: Path) -> None:
    page = page_of(study)
    rows = [row for row in page.rows if row[:2] == ["channel", "blocks.0"] and len(row) == 7]
    assert rows == [
        ["channel", "blocks.0", "channels", "working 3", "0.500", "0.100", "0.200"],
        ["channel", "blocks.0", "positions", "fixed 3", "0.250", "0.000", "0.300"],
    ]
    found = summarize_gates([("channel", gated()), ("none", None)])
    assert [one.useless for one in found] == [0.0, 1.0]


def test_what_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    bare = write_fake_study(tmp_path / "bare", TWO)
    text = " ".join(page_of(bare).text.split())
    assert "A run has left no occlusion maps" in text
    assert "No run has left what its gates do" in text
    alone = " ".join(page_of(bare / "runs" / "0-0").text.split())
    assert "This run has left no occlusion maps" in alone
    assert "There is no gate in none" in alone


def test_large_images_become_small_pictures(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "large", {"none": [0.5]})
    run = folder / "runs" / "0-0"
    windows = Windows((300, 400), (60, 80), (60, 80), "clip")
    down, across = windows.starts
    random = np.random.default_rng(0)
    left = swept(0) | {
        "drop": random.normal(size=(4, *windows.shape)),
        "pictures": random.integers(0, 256, (3, 300, 400, 3), dtype=np.uint8),
        "image_size": np.array(windows.image_size),
        "window": np.array(windows.window),
        "stride": np.array(windows.stride),
        "starts_down": np.array(down),
        "starts_across": np.array(across),
    }
    write_extra(run, "occlusion", left)
    write_manifest(run)
    page_of(folder)
    assert (folder / "report.html").stat().st_size < 700_000
