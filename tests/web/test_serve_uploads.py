"""What is taken as an image, and what is refused with a sentence that says why."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from foveal.web.errors import RefusedError
from foveal.web.uploads import FORMATS, MOST_BYTES, MOST_PIXELS, pixels_of
from web.requests import BYTES, encoded, picture, upload

SHAPE = (3, 32, 32)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header speaks of more pixels than it has."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(3 * 32))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def bytes_without_length(count: int) -> Iterator[bytes]:
    for _ in range(count // 100_000):
        yield bytes(100_000)


JPEG = encoded(NOISE, "JPEG", quality=95)
REFUSED = {
    "text": (b"This is a letter, and no picture.\n" * 20, 400, "should be a PNG, JPEG, WebP, BMP or GIF image"),
    "nothing": (b"", 400, "should be a PNG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", 400, "should be a PNG"),
    "html": (b"<!DOCTYPE html><script>1</script>", 400, "should be a PNG"),
    "tiff": (encoded(NOISE, "TIFF"), 400, "should be a PNG"),
    "pdf": (encoded(NOISE, "PDF"), 400, "should be a PNG"),
    "100 megapixels": (png_that_claims(10_000, 10_000), 413, "at most 25 megapixels, and has 10000 x 10000"),
    "a gigapixel": (png_that_claims(40_000, 40_000), 413, "at most 25 megapixels"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], 400, "should be whole, and cannot be decoded"),
    "half a PNG": (encoded(NOISE)[:3000], 400, "should be whole, and cannot be decoded"),
    "half a WebP": (encoded(NOISE, "WEBP")[:800], 400, "should be"),
    "half a GIF": (encoded(NOISE, "GIF")[:1500], 400, "should be whole"),
    "16 bits": (encoded(np.zeros((40, 40), np.uint16)), 400, "should have 8 bits a channel"),
    "30 MB": (bytes(30_000_000), 413, "at most 10 MB"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_a_message(client: TestClient, name: str) -> None:
    content, status, message = REFUSED[name]
    answer = client.post("/api/images", content=content, headers=BYTES)
    assert answer.status_code == status
    assert list(answer.json()) == ["message"]
    assert message in answer.json()["message"]
    assert answer.json()["message"].endswith(".")


def test_30_megabytes_in_parts_are_refused(client: TestClient) -> None:
    answer = client.post("/api/images", content=bytes_without_length(30_000_000), headers=BYTES)
    assert answer.status_code == 413
    assert "at most 10 MB" in answer.json()["message"]


def test_too_large_by_its_own_word_is_refused_before_it_comes(client: TestClient) -> None:
    headers = BYTES | {"Content-Length": str(MOST_BYTES + 1)}
    assert client.post("/api/images", content=b"", headers=headers).status_code == 413


def test_real_pixels_above_the_limit_are_refused_and_below_are_taken() -> None:
    side = 5000
    assert side * side == MOST_PIXELS
    wide = encoded(np.zeros((side, side + 1, 3), np.uint8), "PNG", compress_level=1)
    with pytest.raises(RefusedError, match="megapixels"):
        pixels_of(wide, SHAPE)
    square = encoded(np.full((side, side, 3), 7, np.uint8), "PNG", compress_level=1)
    assert (pixels_of(square, SHAPE) == 7).all()


def test_a_line_of_a_million_pixels_fills_no_memory() -> None:
    line = encoded(np.full((1, 1_000_000, 3), 9, np.uint8))
    assert (pixels_of(line, SHAPE) == 9).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_taken(client: TestClient, kind: str) -> None:
    flat = np.full((40, 40, 3), (200, 100, 50), np.uint8)
    found = picture(upload(client, encoded(flat, kind))["picture"])
    assert found.shape == (32, 32, 3)
    assert np.abs(found.astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_kind_of_pixel_is_taken(mode: str) -> None:
    made = Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).convert(mode)
    assert (pixels_of(encoded(np.asarray(made)) if mode != "P" else palette(), SHAPE) == 255).all()


def palette() -> bytes:
    """Return a picture of one color from a palette, with a second one that is transparent."""
    import io

    made = Image.new("P", (40, 40), 1)
    made.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    made.save(buffer, format="PNG", transparency=bytes([0, 255]))
    return buffer.getvalue()


def test_is_turned_as_its_exif_says() -> None:
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:32] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is above belongs to the right
    found = pixels_of(encoded(halves, "JPEG", exif=exif, quality=95), SHAPE)
    assert found[:, 20:].min() > 200
    assert found[:, :12].max() < 50


def test_the_proportions_of_the_data_are_kept() -> None:
    pixels = np.zeros((90, 100, 3), np.uint8)
    pixels[:, 20:80] = 255
    tall = pixels_of(encoded(pixels), (3, 30, 20))
    assert tall.shape == (30, 20, 3)
    assert (tall[:, 1:-1] == 255).all()  # at the border the filter reaches beyond it
    assert tall.min() > 200


def test_gray_data_takes_the_luma() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert set(np.unique(pixels_of(encoded(red), (1, 32, 32)))) == {76}


def test_images_of_other_channels_come_from_the_examples_alone() -> None:
    with pytest.raises(RefusedError, match="choose an example"):
        pixels_of(encoded(NOISE), (4, 32, 32))
