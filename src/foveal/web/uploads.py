"""From the bytes of an upload to the pixels that a network sees."""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from foveal.data.image_decoding import HIGH_BIT_DEPTH_MODES, convert_to_rgb
from foveal.web.errors import TOO_LARGE, RefusedError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
NAMED = "PNG, JPEG, WebP, BMP or GIF"
MOST_BYTES = 10_000_000
MOST_PIXELS = 25_000_000
MODES = {1: "L", 3: "RGB"}


def pixels_of(encoded: bytes, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Return an upload as a test image of shape (C, H, W) would be, uint8 (H, W, C).

    It is turned upright, cut to the middle part that has the shape, and scaled with antialiasing.
    How many pixels it has is read from its header, before any of them is decoded.

    Raises:
        RefusedError: it is no image of the formats, cut off, too large, or in more than 8 bits a channel.
    """
    channels, height, width = shape
    if channels not in MODES:
        raise RefusedError(
            f"The networks take images of {channels} channels, which no file holds: choose an example."
        )
    with opened(encoded) as image:
        refuse_too_large(image)
        upright = decoded(image)
    colors = convert_to_rgb(upright).convert(MODES[channels])
    box = middle(colors.size, (width, height))
    scaled = colors.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(scaled).reshape(height, width, channels)


def opened(encoded: bytes) -> Image.Image:
    """Return the image with its header read and none of its pixels."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of images that are refused here anyway.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(encoded), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise RefusedError(
            f"The file should be a {NAMED} image, and is none of them: choose another."
        ) from error
    except Exception as error:  # what Pillow raises on damaged bytes differs by format
        raise undecodable(error) from error


def refuse_too_large(image: Image.Image) -> None:
    """Refuse an image by what its header says of its size."""
    if image.width * image.height > MOST_PIXELS:
        raise too_many_pixels(image.size)


def too_many_pixels(size: tuple[int, int] | None = None) -> RefusedError:
    """Return the refusal of an image that would fill the memory."""
    found = "more" if size is None else f"{size[0]} x {size[1]}"
    return RefusedError(
        f"The image should have at most {MOST_PIXELS // 1_000_000} megapixels, and has {found}: "
        "make it smaller, or choose another.",
        status=TOO_LARGE,
    )


def decoded(image: Image.Image) -> Image.Image:
    """Return the image with all its pixels, turned as its EXIF says."""
    if image.mode in HIGH_BIT_DEPTH_MODES:
        raise RefusedError("The image should have 8 bits a channel: save it so, or choose another.")
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # as above
        raise undecodable(error) from error


def undecodable(error: Exception) -> RefusedError:
    """Return the refusal of an image that is damaged."""
    said = " ".join(str(error).split())[:120] or type(error).__name__
    return RefusedError(
        f"The image should be whole, and cannot be decoded ({said}): save it again, or choose another."
    )


def middle(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the middle part of an image that has the proportions of another size.

    Cut before it is scaled: scaled first, a line of a million pixels would fill the memory.

    >>> middle((400, 100), (32, 32))
    (150.0, 0.0, 250.0, 100.0)
    """
    share = min(size[0] / wanted[0], size[1] / wanted[1])
    across, down = share * wanted[0], share * wanted[1]
    left, top = (size[0] - across) / 2, (size[1] - down) / 2
    return left, top, left + across, top + down
