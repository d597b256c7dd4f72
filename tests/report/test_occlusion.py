"""The occlusion section shows the maps, titles and agreements that the runs have stored."""

from pathlib import Path

import numpy as np
import pytest

from foveal.explanation.occlusion.windows import Windows
from foveal.overlap import average_windows
from foveal.text_format import ABSENT_VALUE
from report.fake_records import (
    TWO_VARIANTS,
    WINDOWS,
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


def test_shows_every_image_and_every_map(page: ReportPage) -> None:
    labels = page.attribute_values("aria-label")
    images = [label for label in labels if label.startswith("Test image: ")]
    assert images[:3] == [f"Test image: {name}" for name in ("cat", "dog", "frog")]
    maps = [label for label in labels if " seeds right, mean probability " in label]
    assert len(maps) == 3 * len(TWO_VARIANTS)
    assert sum("on dog: 0 of 3 seeds right" in label for label in maps) == len(TWO_VARIANTS)
    means = [label for label in labels if ", mean of " in label]
    assert len(means) == 2 * len(TWO_VARIANTS)  # no run classifies the dog correctly
    text = " ".join(page.text.split())
    assert "A plain patch of 2 × 4 px hides one place after the other" in text


def test_a_tile_names_the_place_with_the_largest_effect(page: ReportPage) -> None:
    drops = np.mean([make_occlusion(seed)["drop"][0] for seed in range(3)], axis=0)
    pixels = average_windows(drops, WINDOWS.starts, window=(2, 4), image_size=(6, 8))
    row, column = np.unravel_index(np.abs(pixels).argmax(), pixels.shape)
    value = pixels[row, column]
    place = (
        f"{('top', 'middle', 'bottom')[row // 2]} {('left', 'center', 'right')[3 * column // 8]}"
    )
    effect = f"hiding the {place} {'lowers' if value > 0 else 'raises'} it by {abs(value):.2f}"
    label = next(v for v in page.attribute_values("aria-label") if v.startswith("none on cat"))
    assert label.endswith(effect)


def test_numbers_of_the_maps_are_in_a_table(page: ReportPage) -> None:
    assert page.find_row("none", "3")[2:5] == ["dog", "frog", "3/3"]


def test_shows_agreement_with_the_rank_and_the_features(page: ReportPage) -> None:
    assert page.find_row("none", "grad-cam and occlusion")[2:] == [
        "0.25",
        ABSENT_VALUE,
        ABSENT_VALUE,
    ]
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
    assert "Inside the attention modules" not in text
    run_text = " ".join(read_report(folder / "runs" / "0-0").text.split())
    assert "This run has not stored occlusion maps" in run_text


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
    assert (folder / "report.html").stat().st_size < 300_000
