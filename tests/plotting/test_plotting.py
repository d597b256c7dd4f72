"""What figures show: the colors of a pixel, one scale for all panels, and what is written."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from PIL import Image

from foveal.errors import UsageError
from foveal.explanation import occlusion_sensitivity
from foveal.models import build_model
from foveal.plotting import (
    MapColumn,
    SiteMaps,
    blend_signed_map,
    draw_gate_maps,
    draw_map_comparison,
    draw_robustness_curves,
    save_figure,
    shared_color_limit,
)
from foveal.plotting.figure import NotebookFigure

Array = npt.NDArray[np.floating[Any] | np.integer[Any]]
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.random((3, 8, 12, 3))


@dataclass(frozen=True)
class Curve:
    severity: Array
    accuracy: Array


def columns(*names: str) -> list[MapColumn]:
    return [
        MapColumn(name, RANDOM.normal(size=(3, 8, 12)), [f"{name}\n{row}" for row in range(3)])
        for name in names
    ]


def texts(figure: Figure) -> str:
    found = [t.get_text() for axes in figure.axes for t in axes.texts]
    found += [axes.get_title() for axes in figure.axes] + [a.get_ylabel() for a in figure.axes]
    return "\n".join([*found, figure.get_supxlabel()])


def test_a_pixel_goes_from_gray_to_the_color_of_its_value() -> None:
    picture = RANDOM.random((2, 4, 3))
    values = np.array([[0.0, 0.5, 1.0, 7.0], [-1.0, -0.25, np.nan, 0.0]])
    found = blend_signed_map(picture, values, limit=1.0)
    luma = picture @ [0.299, 0.587, 0.114]
    red, blue = (np.array(matplotlib.colormaps["RdBu_r"](end)[:3]) for end in (1.0, 0.0))
    assert red[0] > red[2]
    for row, column in ((0, 0), (1, 2), (1, 3)):  # nothing, unknown, nothing
        np.testing.assert_allclose(found[row, column], luma[row, column], atol=1e-12)
    np.testing.assert_allclose(found[0, 2], red)
    np.testing.assert_allclose(found[0, 3], red)
    np.testing.assert_allclose(found[1, 0], blue)
    half = np.array(matplotlib.colormaps["RdBu_r"](0.75)[:3])
    np.testing.assert_allclose(found[0, 1], 0.5 * half + 0.5 * luma[0, 1], atol=0.01)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_channels_that_are_no_colors_are_averaged(channels: int) -> None:
    picture = RANDOM.random((2, 5, channels))
    found = blend_signed_map(picture, np.zeros((2, 5)), limit=1.0)
    np.testing.assert_allclose(found, np.repeat(picture.mean(2)[:, :, None], 3, axis=2))


def test_the_limit_is_that_of_all_maps_together() -> None:
    maps = [RANDOM.normal(size=(2, 5, 6)), 3 * RANDOM.normal(size=(1, 5, 6))]
    together = np.abs(np.concatenate([m.ravel() for m in maps]))
    assert shared_color_limit(maps) == pytest.approx(np.percentile(together, 99))
    assert shared_color_limit([np.zeros((1, 2, 2))]) == 1.0
    maps[0][0, 0, 0] = np.nan
    assert np.isfinite(shared_color_limit(maps))


def test_a_comparison_has_a_row_an_image_and_one_scale() -> None:
    figure = draw_map_comparison(
        PICTURES,
        columns("none", "series"),
        names=["cat", "dog", "$x_1$"],
        unit="drop",
        caption="Window 4 x 2 px.",
        window=(4, 2),
        difference=("series", "none"),
    )
    assert len(figure.axes) == 3 * 4 + 1
    written = texts(figure)
    for word in (
        "cat",
        "dog",
        "$x_1$",
        "series \N{MINUS SIGN} none",
        "none\n2",
        "drop",
        "4 x 2 px",
    ):
        assert word in written
    (box,) = [
        p for p in figure.axes[0].patches if isinstance(p, Rectangle) and p.get_linewidth() < 2
    ]
    assert (box.get_height(), box.get_width()) == (4, 2)


def test_the_difference_is_that_of_the_maps() -> None:
    both = columns("a", "b")
    figure = draw_map_comparison(
        PICTURES, both, names=[""] * 3, unit="", difference=("b", "a"), limit=2.0
    )
    shown = figure.axes[3].images[0].get_array()
    expected = blend_signed_map(PICTURES[0], both[1].maps[0] - both[0].maps[0], limit=2.0)
    np.testing.assert_allclose(np.asarray(shown), expected)


def test_a_flat_map_says_so() -> None:
    flat = MapColumn("none", np.zeros((1, 8, 12)), [""])
    figure = draw_map_comparison(PICTURES[:1], [flat], names=["cat"], unit="drop")
    assert "flat" in texts(figure)


def test_gates_over_positions_and_channels() -> None:
    sites = [
        SiteMaps("first", RANDOM.random((3, 4, 6)), RANDOM.random((3, 16))),
        SiteMaps("second", None, RANDOM.random((3, 5))),
    ]
    figure = draw_gate_maps(PICTURES, sites, names=["a", "b", "c"], caption="Gates.")
    assert len(figure.axes) == 4 * 3 + 1
    channels = sites[0].channels
    assert channels is not None
    means, spread = (
        one.get_data() for one in figure.axes[10].patches if isinstance(one, StepPatch)
    )
    order = np.argsort(-channels.mean(0))
    np.testing.assert_allclose(means[0], channels.mean(0)[order])
    np.testing.assert_allclose(spread[0], channels.max(0)[order])
    np.testing.assert_allclose(spread[2], channels.min(0)[order])
    only = draw_gate_maps(PICTURES, sites[1:], names=["a", "b", "c"])
    assert len(only.axes) == 2


def test_robustness_has_a_panel_a_condition_and_the_range_of_the_seeds() -> None:
    severity = np.arange(4)
    curves = {
        condition: {name: Curve(severity, RANDOM.random((3, 4))) for name in ("none", "series")}
        for condition in ("occlusion", "noise", "blur", "jpeg")
    }
    figure = draw_robustness_curves(curves, caption="Curves.")
    shown = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title(loc="left") for axes in shown] == list(curves)
    for axes, by_variant in zip(shown, curves.values(), strict=True):
        for line, band, curve in zip(
            axes.lines, axes.collections, by_variant.values(), strict=True
        ):
            np.testing.assert_allclose(np.asarray(line.get_ydata()), 100 * curve.accuracy.mean(0))
            heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
            assert heights.min() == pytest.approx(100 * curve.accuracy.min())
            assert heights.max() == pytest.approx(100 * curve.accuracy.max())


def test_files_are_whole_and_the_same_each_time(tmp_path: Path) -> None:
    def once(folder: Path) -> list[Path]:
        folder.mkdir()
        figure = draw_gate_maps(
            PICTURES, [SiteMaps("a", PICTURES[:, :, :, 0], None)], names=["a", "b", "c"]
        )
        return save_figure(figure, folder / "gates-series:r=8.x")

    first, second = once(tmp_path / "1"), once(tmp_path / "2")
    assert [path.name for path in first] == ["gates-series:r=8.x.png", "gates-series:r=8.x.svg"]
    assert first[1].read_bytes() == second[1].read_bytes()
    assert sorted(p.name for p in (tmp_path / "1").iterdir()) == [p.name for p in first]


def test_a_notebook_shows_it() -> None:
    figure = draw_map_comparison(PICTURES[:1], columns("none"), names=["cat"], unit="drop")
    assert isinstance(figure, NotebookFigure)
    with Image.open(io.BytesIO(figure._repr_png_())) as picture:
        assert picture.size == tuple(int(side) for side in figure.bbox.size)


@pytest.mark.parametrize("target", ["label", "pred", 4])
def test_a_result_draws_itself(target: str | int) -> None:
    models = {name: build_model("convnet", attention=name) for name in ("none", "series")}
    images = torch.randn(2, 3, 32, 32)
    result = occlusion_sensitivity(models, images, [1, 2], target=target)
    figure = result.plot(
        images,
        classes=[f"class {k}" for k in range(10)],
        normalization=((0.5,) * 3, (0.25,) * 3),
        difference=("series", "none"),
    )
    written = texts(figure)
    for word in ("window 8 x 8", "stride 4 x 4", "fill mean", "score prob", "target", "class 2"):
        assert word in written
    assert len(figure.axes) == 2 * 4 + 1


def test_a_result_draws_only_the_images_it_is_of() -> None:
    images = torch.randn(2, 3, 32, 32)
    result = occlusion_sensitivity(build_model("convnet"), images, [1, 2])
    for other in (images[:1], torch.cat((images, images)), images[:, :, :31], images[0]):
        with pytest.raises(UsageError, match="`images` should be"):
            result.plot(other)
    with pytest.raises(UsageError, match="`normalization` should be"):
        result.plot(images, normalization=((0.5,) * 2, (0.5,) * 2))
