"""Decoding of uploaded images into the pixels of a test image."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from foveal.data.image_decoding import HIGH_BIT_DEPTH_MODES, convert_to_rgb
from foveal.web.errors import TOO_LARGE, RequestError

UPLOAD_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_FORMAT_NAMES = "PNG, JPEG, WebP, BMP or GIF"
MAX_UPLOAD_BYTES = 10_000_000
MAX_PIXELS = 25_000_000
_MODES_BY_CHANNELS = {1: "L", 3: "RGB"}


def decode_upload(encoded: bytes, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return an uploaded image as a test image of shape (C, H, W), uint8 (H, W, C).

    The image is rotated by its EXIF orientation, cropped in its center to the proportions of the test
    images and scaled with antialiasing. Its size is checked before any pixel is decoded.

    Raises:
        RequestError: the image has an unknown format, is incomplete, too large, or has more than 8 bits per
            channel.
    """
    channels, height, width = shape
    if channels not in _MODES_BY_CHANNELS:
        raise RequestError(
            f"The networks need images of {channels} channels, and image files have 1 or 3. Choose an example."
        )
    with _open_image(encoded) as image:
        _require_small_image(image)
        upright = _decode_pixels(image)
    colors = convert_to_rgb(upright).convert(_MODES_BY_CHANNELS[channels])
    box = _compute_crop_box(colors.size, (width, height))
    scaled = colors.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(scaled).reshape(height, width, channels)


def _open_image(encoded: bytes) -> Image.Image:
    """Return the image with its header read and its pixels not yet decoded."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about large images, which `_require_small_image` rejects.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(encoded), formats=UPLOAD_FORMATS)
    except Image.DecompressionBombError as error:
        raise _make_size_error() from error
    except UnidentifiedImageError as error:
        raise RequestError(
            f"The file should be a {_FORMAT_NAMES} image. Choose another file."
        ) from error
    except Exception as error:  # Pillow raises different errors for different damaged formats
        raise _make_decoding_error(error) from error


def _require_small_image(image: Image.Image) -> None:
    """Raise RequestError if the header of an image declares too many pixels."""
    if image.width * image.height > MAX_PIXELS:
        raise _make_size_error(image.size)


def _make_size_error(size: tuple[int, int] | None = None) -> RequestError:
    """Return the error for an image with too many pixels."""
    found = "" if size is None else f" Found {size[0]} x {size[1]} pixels."
    return RequestError(
        f"The image should have at most {MAX_PIXELS // 1_000_000} megapixels.{found} "
        "Make it smaller, or choose another.",
        status=TOO_LARGE,
    )


def _decode_pixels(image: Image.Image) -> Image.Image:
    """Return the image with all pixels decoded, rotated by its EXIF orientation."""
    if image.mode in HIGH_BIT_DEPTH_MODES:
        raise RequestError(
            "The image should have 8 bits per channel. Save it with 8 bits, or choose another."
        )
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # as in `_open_image`
        raise _make_decoding_error(error) from error


def _make_decoding_error(error: Exception) -> RequestError:
    """Return the error for a damaged image."""
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return RequestError(
        f"The image cannot be decoded ({reason}). Save it again, or choose another."
    )


def _compute_crop_box(
    size: tuple[int, int], target: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Return the largest centered box of an image with the proportions of the target size.

    Images are cropped before they are scaled: scaling a line of a million pixels first would need too much
    memory.

    >>> _compute_crop_box((400, 100), (32, 32))
    (150.0, 0.0, 250.0, 100.0)
    """
    scale = min(size[0] / target[0], size[1] / target[1])
    width, height = scale * target[0], scale * target[1]
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height
