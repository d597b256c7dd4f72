"""Decoding of one encoded image: from bytes to pixels."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from foveal.errors import FovealError, UsageError

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
_GRAY_MODES = ("1", "L")
HIGH_BIT_DEPTH_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def decode_image_from(
    source: str, encoded: bytes, *, image_size: int | None = None
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return `decode_image(encoded)`; an error names `source`.

    Raises:
        FovealError: the image cannot be decoded.
    """
    try:
        return decode_image(encoded, image_size=image_size)
    except Exception as error:  # the exceptions of Pillow for damaged bytes differ by format
        raise FovealError(f"{source}: the image cannot be decoded ({error}).") from error


def decode_image(
    encoded: bytes, *, image_size: int | None = None
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return an image as uint8 (H, W, 3), and True if it is gray.

    With `image_size` the image is scaled and cropped to a square of that side.
    """
    with Image.open(io.BytesIO(encoded), formats=_FORMATS) as image:
        if image.mode in HIGH_BIT_DEPTH_MODES:
            raise ValueError("only images with 8 bits per channel are supported")
        is_gray = image.mode in _GRAY_MODES
        rgb = convert_to_rgb(image)
        if image_size is not None:
            rgb = scale_and_crop_center(rgb, image_size)
        return np.asarray(rgb), is_gray


def convert_to_rgb(image: Image.Image) -> Image.Image:
    """Return the image in RGB, without transparency."""
    if image.mode == "RGB":
        return image
    # Pillow warns about transparency in a palette unless the image is converted to RGBA first.
    expanded = image.convert("RGBA") if image.mode == "P" else image
    return expanded.convert("RGB")


def scale_and_crop_center(image: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to `size` (bilinear, antialiased) and crop the center square.

    The pixels equal those of torchvision's `Resize(size)` and `CenterCrop(size)`.
    """
    shorter = min(image.size)
    width, height = (size * side // shorter for side in image.size)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return scaled.crop((left, top, left + size, top + size))


def require_equal_size(
    shape: tuple[int, ...], expected: tuple[int, ...], source: str, *, hint: str = ""
) -> None:
    """Raise UsageError unless an image from `source` has the expected height and width."""
    if shape != expected:
        raise UsageError(
            f"All images should have the same size. Found {shape[0]} x {shape[1]} in {source} "
            f"and {expected[0]} x {expected[1]} before.{hint}"
        )
