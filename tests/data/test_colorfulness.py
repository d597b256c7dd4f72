"""Colorfulness against the formula of the paper, pixel by pixel."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from foveal.data import colorfulness
from foveal.data.scenes.generation import render


def one_colorfulness(image: npt.NDArray[np.uint8]) -> float:
    pixels = [tuple(map(float, pixel)) for row in image for pixel in row]
    rg = [r - g for r, g, _ in pixels]
    yb = [(r + g) / 2 - b for r, g, b in pixels]
    spread = math.hypot(float(np.std(rg)), float(np.std(yb)))
    return spread + 0.3 * math.hypot(float(np.mean(rg)), float(np.mean(yb)))


@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (1, 1)])
def test_it_is_that_of_hasler_and_suesstrunk(shape: tuple[int, int]) -> None:
    gray = np.full((*shape, 3), 130, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (3, *shape, 3), dtype=np.uint8)
    images = np.concatenate([gray[None], noise])
    expected = [one_colorfulness(image) for image in images]
    assert expected[0] == 0
    np.testing.assert_allclose(colorfulness(images), expected, rtol=1e-5, atol=1e-5)


def test_scenes_carry_it() -> None:
    drawn = render(np.arange(20))
    expected = [one_colorfulness(image) for image in drawn.images]
    found: npt.NDArray[np.float32] = drawn.details["colorfulness"].astype(np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_batch_of_one_is_as_it_is_among_others() -> None:
    images = np.random.default_rng(1).integers(0, 256, (4, 6, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(colorfulness(images[2:3]), colorfulness(images)[2:3])
