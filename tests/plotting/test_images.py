"""Image arrays for pages: data URIs, block means, thumbnails."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveal.plotting import make_thumbnail, shrink_for_page, to_data_uri

RNG = np.random.default_rng(0)


def decode_data_uri(uri: str) -> np.ndarray[Any, Any]:
    prefix, content = uri.split(",")
    assert prefix == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_data_uri_holds_the_pixels() -> None:
    image = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(decode_data_uri(to_data_uri(image)), image)
    np.testing.assert_array_equal(decode_data_uri(to_data_uri(image / 255)), image)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_data_uri_of_other_channels_is_gray(channels: int) -> None:
    image = RNG.integers(0, 256, (5, 7, channels), np.uint8)
    pixels = decode_data_uri(to_data_uri(image))
    assert pixels.shape == (5, 7, 3)
    np.testing.assert_allclose(pixels, image.mean(2, keepdims=True).repeat(3, axis=2), atol=0.51)


def test_large_images_become_block_means() -> None:
    image = RNG.integers(0, 256, (200, 101, 3), np.uint8)  # blocks of 3 x 3; 2 rows are cut off
    small = shrink_for_page(image)
    assert small.shape == (66, 33, 3)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small[1, 2], np.rint(image[3:6, 6:9].mean((0, 1))))
    values = RNG.normal(size=(200, 101))
    np.testing.assert_allclose(shrink_for_page(values)[1, 2], values[3:6, 6:9].mean())
    np.testing.assert_array_equal(shrink_for_page(image[:96, :96]), image[:96, :96])


def test_thumbnail_keeps_the_aspect_ratio() -> None:
    assert make_thumbnail(RNG.integers(0, 256, (200, 100, 1), np.uint8)).shape == (96, 48, 3)
