"""Geometry of windows, compared with counts of pixels."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.explanation.occlusion.windows import EDGE_MODES, choose_window, make_windows

sides = st.integers(3, 20)


@settings(deadline=None, max_examples=60)
@given(
    sides,
    sides,
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(EDGE_MODES),
)
def test_masks_and_conversions_match_pixel_counts(
    height: int, width: int, h: int, w: int, step: int, edge: str
) -> None:
    window = (min(h, height), min(w, width))
    stride = min(step, *window)
    windows = make_windows((height, width), window=window, stride=stride, edge=edge)
    masks = windows.masks(torch.arange(windows.count))[:, 0].double()  # (P, H, W)
    values = torch.randn(windows.count, dtype=torch.float64)
    covering = masks.sum(0)
    expected = (masks * values[:, None, None]).sum(0) / covering
    grid = values.view(windows.shape)
    torch.testing.assert_close(windows.grid_to_pixels(grid), expected, equal_nan=True)
    picture = torch.randn(height, width, dtype=torch.float64)
    means = (masks * picture).sum((1, 2)) / masks.sum((1, 2))
    torch.testing.assert_close(windows.pixels_to_grid(picture), means.view(windows.shape))
    if edge in ("clip", "shift"):
        assert bool((covering > 0).all())
    whole = masks.sum((1, 2)) == window[0] * window[1]
    assert bool(whole.all()) or edge == "clip"


def test_index_minus_one_has_no_pixels() -> None:
    windows = make_windows((6, 5), window=2)
    assert not windows.masks(torch.tensor([-1])).any()


@pytest.mark.parametrize(("side", "count"), [(32, 49), (224, 169)])
def test_default_windows_tile_exactly(side: int, count: int) -> None:
    windows = make_windows((side, side))
    assert windows.count == count
    (tops, _), window = windows.starts, windows.window[0]
    assert tops[-1] + window == side


def test_auto_windows_are_near_their_share() -> None:
    for side in range(8, 300):
        ideal = side / 4 if side <= 64 else side / 7
        assert 0.7 * ideal <= choose_window(side) <= 1.4 * ideal
    assert [make_windows((s, s)).window[0] for s in (1, 2, 3, 5)] == [1, 1, 1, 1]


def test_window_count_matches_captum() -> None:
    for side, window, stride in itertools.product((7, 10, 13), (2, 3), (1, 2)):
        windows = make_windows((side, side), window=window, stride=stride)
        assert windows.shape[0] == -(-(side - window) // stride) + 1


def test_window_as_share_of_side() -> None:
    assert make_windows((50, 30), window=0.2, stride=0.1).window == (10, 6)
