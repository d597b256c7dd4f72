"""Figures: panels, read_texts, drawn values and files."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from PIL import Image

from foveal.plotting import (
    MapColumn,
    SiteMaps,
    blend_signed_map,
    draw_gate_maps,
    draw_map_comparison,
    draw_robustness_curves,
    save_figure,
)
from foveal.plotting.figure import NotebookFigure

Array = npt.NDArray[np.floating[Any] | np.integer[Any]]
RNG = np.random.default_rng(0)
PICTURES = RNG.random((3, 8, 12, 3))


@dataclass(frozen=True)
class Curve:
    severity: Array
    accuracy: Array


def make_columns(*names: str) -> list[MapColumn]:
    return [
        MapColumn(name, RNG.normal(size=(3, 8, 12)), [f"{name}\n{row}" for row in range(3)])
        for name in names
    ]


def read_texts(figure: Figure) -> str:
    texts = [t.get_text() for axes in figure.axes for t in axes.texts]
    texts += [axes.get_title() for axes in figure.axes] + [a.get_ylabel() for a in figure.axes]
    return "\n".join([*texts, figure.get_supxlabel()])


def test_comparison_has_row_per_image_and_one_scale() -> None:
    figure = draw_map_comparison(
        PICTURES,
        make_columns("none", "cbam"),
        names=["cat", "dog", "$x_1$"],
        unit="drop",
        caption="Window 4 x 2 px.",
        window=(4, 2),
        difference=("cbam", "none"),
    )
    assert len(figure.axes) == 3 * 4 + 1
    text = read_texts(figure)
    for word in (
        "cat",
        "dog",
        "$x_1$",
        "cbam \N{MINUS SIGN} none",
        "none\n2",
        "drop",
        "4 x 2 px",
    ):
        assert word in text
    (box,) = [
        p for p in figure.axes[0].patches if isinstance(p, Rectangle) and p.get_linewidth() < 2
    ]
    assert (box.get_height(), box.get_width()) == (4, 2)


def test_difference_column_shows_difference_of_maps() -> None:
    pair = make_columns("a", "b")
    figure = draw_map_comparison(
        PICTURES, pair, names=[""] * 3, unit="", difference=("b", "a"), limit=2.0
    )
    panels = figure.axes[3].images[0].get_array()
    expected = blend_signed_map(PICTURES[0], pair[1].maps[0] - pair[0].maps[0], limit=2.0)
    np.testing.assert_allclose(np.asarray(panels), expected)


def test_flat_map_is_labeled() -> None:
    flat = MapColumn("none", np.zeros((1, 8, 12)), [""])
    figure = draw_map_comparison(PICTURES[:1], [flat], names=["cat"], unit="drop")
    assert "flat" in read_texts(figure)


def test_gate_figure_has_maps_and_sorted_bars() -> None:
    sites = [
        SiteMaps("first", RNG.random((3, 4, 6)), RNG.random((3, 16))),
        SiteMaps("second", None, RNG.random((3, 5))),
    ]
    figure = draw_gate_maps(PICTURES, sites, names=["a", "b", "c"], caption="Gates.")
    assert len(figure.axes) == 4 * 3 + 1
    channels = sites[0].channels
    assert channels is not None
    means, band = (
        patch.get_data() for patch in figure.axes[10].patches if isinstance(patch, StepPatch)
    )
    order = np.argsort(-channels.mean(0))
    np.testing.assert_allclose(means[0], channels.mean(0)[order])
    np.testing.assert_allclose(band[0], channels.max(0)[order])
    np.testing.assert_allclose(band[2], channels.min(0)[order])
    bars_only = draw_gate_maps(PICTURES, sites[1:], names=["a", "b", "c"])
    assert len(bars_only.axes) == 2


def test_robustness_figure_shows_mean_and_range_of_seeds() -> None:
    severity = np.arange(4)
    curves = {
        condition: {name: Curve(severity, RNG.random((3, 4))) for name in ("none", "cbam")}
        for condition in ("occlusion", "noise", "blur", "jpeg")
    }
    figure = draw_robustness_curves(curves, caption="Curves.")
    panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title(loc="left") for axes in panels] == list(curves)
    for axes, by_variant in zip(panels, curves.values(), strict=True):
        for line, band, curve in zip(
            axes.lines, axes.collections, by_variant.values(), strict=True
        ):
            np.testing.assert_allclose(np.asarray(line.get_ydata()), 100 * curve.accuracy.mean(0))
            heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
            assert heights.min() == pytest.approx(100 * curve.accuracy.min())
            assert heights.max() == pytest.approx(100 * curve.accuracy.max())


def test_saves_equal_files_each_time(tmp_path: Path) -> None:
    def save_once(folder: Path) -> list[Path]:
        folder.mkdir()
        figure = draw_gate_maps(
            PICTURES, [SiteMaps("a", PICTURES[:, :, :, 0], None)], names=["a", "b", "c"]
        )
        return save_figure(figure, folder / "gates-series:r=8.x")

    first, second = save_once(tmp_path / "1"), save_once(tmp_path / "2")
    assert [path.name for path in first] == ["gates-series:r=8.x.png", "gates-series:r=8.x.svg"]
    assert first[1].read_bytes() == second[1].read_bytes()
    assert sorted(p.name for p in (tmp_path / "1").iterdir()) == [p.name for p in first]


def test_figure_renders_in_notebooks() -> None:
    figure = draw_map_comparison(PICTURES[:1], make_columns("none"), names=["cat"], unit="drop")
    assert isinstance(figure, NotebookFigure)
    with Image.open(io.BytesIO(figure._repr_png_())) as picture:
        assert picture.size == tuple(int(side) for side in figure.bbox.size)
