"""One encoded image, from bytes to pixels."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from foveal.errors import FovealError, UsageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
GRAY = ("1", "L")
TOO_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def decode_at(
    place: str, encoded: bytes, *, image_size: int | None = None
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Decode as `decode_image` does; `place` says in errors where the image is from."""
    try:
        return decode_image(encoded, image_size=image_size)
    except Exception as error:  # what Pillow raises on damaged bytes differs by format
        raise FovealError(f"{place}: the image cannot be decoded ({error}).") from error


def decode_image(
    encoded: bytes, *, image_size: int | None = None
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return an image as uint8 (H, W, 3), and whether it is gray.

    With `image_size` it is `center_square` of that side.
    """
    with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
        if image.mode in TOO_DEEP:
            raise ValueError("only images of 8 bits a channel can be read")
        gray = image.mode in GRAY
        colors = in_color(image)
        if image_size is not None:
            colors = center_square(colors, image_size)
        return np.asarray(colors), gray


def in_color(image: Image.Image) -> Image.Image:
    """Return the image in red, green and blue, without its transparency."""
    if image.mode == "RGB":
        return image
    # A palette may hold transparency, of which Pillow warns unless it is converted first.
    opened = image.convert("RGBA") if image.mode == "P" else image
    return opened.convert("RGB")


def center_square(image: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to `size` (bilinear, antialiased) and cut the center square.

    Pixels are those of torchvision's `Resize(size)` and `CenterCrop(size)`.
    """
    shorter = min(image.size)
    width, height = (size * side // shorter for side in image.size)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return scaled.crop((left, top, left + size, top + size))


def require_size(
    found: tuple[int, ...], expected: tuple[int, ...], source: str, *, hint: str = ""
) -> None:
    """Raise unless an image is as large as those before; `hint` says what to do."""
    if found != expected:
        raise UsageError(
            f"All images should have one size; {source} has {found[0]} x {found[1]} "
            f"besides {expected[0]} x {expected[1]}.{hint}"
        )
