"""Overlays of maps: colors of single pixels, and color limits."""

import matplotlib
import numpy as np
import pytest

from foveal.plotting import blend_signed_map, compute_color_limit

RNG = np.random.default_rng(0)


def test_colors_go_from_gray_to_the_color_of_the_value() -> None:
    picture = RNG.random((2, 4, 3))
    values = np.array([[0.0, 0.5, 1.0, 7.0], [-1.0, -0.25, np.nan, 0.0]])
    colors = blend_signed_map(picture, values, limit=1.0)
    luma = picture @ [0.299, 0.587, 0.114]
    red, blue = (np.array(matplotlib.colormaps["RdBu_r"](end)[:3]) for end in (1.0, 0.0))
    assert red[0] > red[2]
    for row, column in ((0, 0), (1, 2), (1, 3)):  # values 0, NaN and 0
        np.testing.assert_allclose(colors[row, column], luma[row, column], atol=1e-12)
    np.testing.assert_allclose(colors[0, 2], red)
    np.testing.assert_allclose(colors[0, 3], red)
    np.testing.assert_allclose(colors[1, 0], blue)
    half = np.array(matplotlib.colormaps["RdBu_r"](0.75)[:3])
    np.testing.assert_allclose(colors[0, 1], 0.5 * half + 0.5 * luma[0, 1], atol=0.01)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_other_numbers_of_channels_are_averaged(channels: int) -> None:
    picture = RNG.random((2, 5, channels))
    colors = blend_signed_map(picture, np.zeros((2, 5)), limit=1.0)
    np.testing.assert_allclose(colors, np.repeat(picture.mean(2)[:, :, None], 3, axis=2))


def test_color_limit_is_shared_by_all_maps() -> None:
    maps = [RNG.normal(size=(2, 5, 6)), 3 * RNG.normal(size=(1, 5, 6))]
    absolute_values = np.abs(np.concatenate([m.ravel() for m in maps]))
    assert compute_color_limit(maps) == pytest.approx(np.percentile(absolute_values, 99))
    assert compute_color_limit([np.zeros((1, 2, 2))]) == 1.0
    maps[0][0, 0, 0] = np.nan
    assert np.isfinite(compute_color_limit(maps))
