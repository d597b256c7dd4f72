"""Colorfulness compared with the formula of the paper, pixel by pixel."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from foveal.data import compute_colorfulness
from foveal.data.scenes.generation import render_scenes


def compute_reference(image: npt.NDArray[np.uint8]) -> float:
    pixels = [tuple(map(float, pixel)) for row in image for pixel in row]
    rg = [r - g for r, g, _ in pixels]
    yb = [(r + g) / 2 - b for r, g, b in pixels]
    spread = math.hypot(float(np.std(rg)), float(np.std(yb)))
    return spread + 0.3 * math.hypot(float(np.mean(rg)), float(np.mean(yb)))


@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (1, 1)])
def test_equals_hasler_and_suesstrunk(shape: tuple[int, int]) -> None:
    gray = np.full((*shape, 3), 130, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (3, *shape, 3), dtype=np.uint8)
    images = np.concatenate([gray[None], noise])
    expected = [compute_reference(image) for image in images]
    assert expected[0] == 0
    np.testing.assert_allclose(compute_colorfulness(images), expected, rtol=1e-5, atol=1e-5)


def test_scenes_have_a_colorfulness_column() -> None:
    split = render_scenes(np.arange(20))
    expected = [compute_reference(image) for image in split.images]
    actual: npt.NDArray[np.float32] = split.columns["colorfulness"].astype(np.float32)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_is_independent_of_the_batch() -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, 6, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        compute_colorfulness(images[2:3]), compute_colorfulness(images)[2:3]
    )
