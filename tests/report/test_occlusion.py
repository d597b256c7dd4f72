"""The occlusion section shows the maps, titles and agreements that the runs have stored."""

from pathlib import Path

import numpy as np
import pytest

from foveal.explanation.occlusion.windows import Windows
from report.fake_records import (
    TWO_VARIANTS,
    make_occlusion,
    store_extras,
    store_maps,
    write_fake_study,
)
from report.report_page import ReportPage, read_report


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> ReportPage:
    folder = write_fake_study(tmp_path_factory.mktemp("occlusion") / "study", TWO_VARIANTS)
    return read_report(store_maps(folder, TWO_VARIANTS))


def test_shows_every_image_with_its_class(page: ReportPage) -> None:
    classes = [
        value for tag, name, value in page.attributes if (tag, name) == ("figure", "data-class")
    ]
    assert classes == ["cat", "dog", "frog", "cat", "frog"]  # images, then mean maps by class
    labels = page.attribute_values("aria-label")
    descriptions = [each for each in labels if each.startswith("Occlusion maps of test image 3")]
    assert len(descriptions) == 1
    assert "dog; largest drop: none" in descriptions[0]
    text = " ".join(page.text.split())
    assert "A window of 2 x 4 px hides a part of the image. It is filled with the mean" in text


def test_shows_agreement_with_the_rank_and_the_features(page: ReportPage) -> None:
    assert page.find_row("none", "grad-cam and occlusion")[2:] == ["0.25", "", ""]
    row = page.find_row("channel", "blocks.0 and occlusion")
    assert row[2:] == ["0.50", "2 (1 to 3) of 21", "0.12"]


def test_gate_table_shows_stored_status_and_statistics(page: ReportPage) -> None:
    rows = [row for row in page.rows if row[:2] == ["channel", "blocks.0"] and len(row) == 7]
    assert rows == [
        ["channel", "blocks.0", "channels", "working 3", "0.500", "0.100", "0.200"],
        ["channel", "blocks.0", "positions", "fixed 3", "0.250", "0.000", "0.300"],
    ]


def test_missing_extras_are_reported_with_the_option(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    text = " ".join(read_report(folder).text.split())
    assert "At least one run has not stored occlusion maps" in text
    assert "No run has stored its gate maps" in text
    run_text = " ".join(read_report(folder / "runs" / "0-0").text.split())
    assert "This run has not stored occlusion maps" in run_text
    assert "none has no gates" in run_text


def test_large_images_become_small_pictures(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "large", {"none": [0.5]})
    windows = Windows((300, 400), (60, 80), (60, 80), "clip")
    down, across = windows.starts
    random = np.random.default_rng(0)
    large = make_occlusion(0) | {
        "drop": random.normal(size=(4, *windows.shape)),
        "shown_images": random.integers(0, 256, (3, 300, 400, 3), dtype=np.uint8),
        "image_size": np.array(windows.image_size),
        "window": np.array(windows.window),
        "stride": np.array(windows.stride),
        "window_rows": np.array(down),
        "window_columns": np.array(across),
    }
    store_extras(folder / "runs" / "0-0", occlusion=large)
    read_report(folder)
    assert (folder / "report.html").stat().st_size < 700_000
