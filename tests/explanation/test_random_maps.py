"""Random maps: a ranking of windows, averaged over overlaps, with exact ties."""

import itertools

import numpy as np
import pytest

from foveal.errors import UsageError
from foveal.explanation import make_random_maps


def test_blocks_are_ranked() -> None:
    maps = make_random_maps((50, 6, 8), window=(3, 2), seed=1)
    blocks = maps.reshape(50, 2, 3, 4, 2)
    assert (blocks == blocks[:, :, :1, :, :1]).all()
    ranking = blocks[:, :, 0, :, 0].reshape(50, 8)
    np.testing.assert_array_equal(np.sort(ranking, axis=1), np.tile(np.arange(8.0), (50, 1)))
    assert len({tuple(row) for row in ranking}) == 50
    assert not np.array_equal(maps, make_random_maps((50, 6, 8), window=(3, 2), seed=2))
    np.testing.assert_array_equal(maps[:7], make_random_maps((7, 6, 8), window=(3, 2), seed=1))


@pytest.mark.parametrize(
    ("window", "stride", "tops", "lefts"),
    [((4, 3), (2, 3), [0, 2, 4, 6], [0, 3, 6]), ((5, 4), (3, 1), [0, 3, 6], [0, 1, 2, 3])],
)
def test_overlapping_windows_are_averaged(
    window: tuple[int, int], stride: tuple[int, int], tops: list[int], lefts: list[int]
) -> None:
    pattern = np.zeros((len(tops) * len(lefts), 9, 7))
    for number, (top, left) in enumerate(itertools.product(tops, lefts)):
        pattern[number, top : top + window[0], left : left + window[1]] = 1
    mixing = (pattern / pattern.sum(0)).reshape(len(pattern), -1).T  # (pixels, windows)
    for map_values in make_random_maps((3, 9, 7), window=window, stride=stride, seed=0):
        ranking, _, rank, _ = np.linalg.lstsq(mixing, map_values.ravel(), rcond=None)
        assert rank == len(pattern)  # the map determines the ranking
        np.testing.assert_allclose(mixing @ ranking, map_values.ravel(), atol=1e-9)
        np.testing.assert_allclose(np.sort(ranking), np.arange(len(pattern)), atol=1e-6)


def test_means_are_exact_fractions() -> None:
    counts = np.outer([1, 2, 3, 3, 3, 2, 1], [1, 2, 3, 3, 2, 1])  # windows of 3 over a pixel
    maps = make_random_maps((20, 7, 6), window=3, stride=1, seed=4)
    np.testing.assert_array_equal(np.round(maps * counts) / counts, maps)


@pytest.mark.parametrize(
    ("window", "stride", "name"),
    [(0, None, "window"), (6, None, "window"), (2, 3, "stride"), (2, 0, "stride")],
)
def test_refuses_invalid_windows(window: int, stride: int | None, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        make_random_maps((1, 5, 7), window=window, stride=stride, seed=0)
