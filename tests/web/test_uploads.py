"""Uploads are decoded like test images; other files are rejected with a message."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from foveal.web.errors import RequestError
from foveal.web.uploads import MAX_PIXELS, MAX_UPLOAD_BYTES, UPLOAD_FORMATS, decode_upload
from web.api_client import BINARY_HEADERS, encode_image

SHAPE = (3, 32, 32)
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def make_png_with_size(width: int, height: int) -> bytes:
    """Return a small PNG whose header declares more pixels than it contains."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(3 * 32))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def iterate_zeros(count: int) -> Iterator[bytes]:
    for _ in range(count // 100_000):
        yield bytes(100_000)


JPEG = encode_image(NOISE, "JPEG", quality=95)
REJECTED = {
    "text": (b"This is a letter, and no picture.\n" * 20, 400, "should be a PNG, JPEG, WebP, BMP or GIF image"),
    "nothing": (b"", 400, "should be a PNG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", 400, "should be a PNG"),
    "html": (b"<!DOCTYPE html><script>1</script>", 400, "should be a PNG"),
    "tiff": (encode_image(NOISE, "TIFF"), 400, "should be a PNG"),
    "pdf": (encode_image(NOISE, "PDF"), 400, "should be a PNG"),
    "100 megapixels": (make_png_with_size(10_000, 10_000), 413, "at most 25 megapixels. Found 10000 x 10000"),
    "a gigapixel": (make_png_with_size(40_000, 40_000), 413, "at most 25 megapixels"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], 400, "cannot be decoded"),
    "half a PNG": (encode_image(NOISE)[:3000], 400, "cannot be decoded"),
    "half a WebP": (encode_image(NOISE, "WEBP")[:800], 400, "decoded"),
    "half a GIF": (encode_image(NOISE, "GIF")[:1500], 400, "cannot be decoded"),
    "16 bits": (encode_image(np.zeros((40, 40), np.uint16)), 400, "should have 8 bits per channel"),
    "30 MB": (bytes(30_000_000), 413, "at most 10 MB"),
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_rejects_with_a_message(client: TestClient, name: str) -> None:
    content, status, message = REJECTED[name]
    response = client.post("/api/images", content=content, headers=BINARY_HEADERS)
    assert response.status_code == status
    assert list(response.json()) == ["message"]
    assert message in response.json()["message"]
    assert response.json()["message"].endswith(".")


def test_rejects_a_large_body_without_declared_length(client: TestClient) -> None:
    response = client.post("/api/images", content=iterate_zeros(30_000_000), headers=BINARY_HEADERS)
    assert response.status_code == 413
    assert "at most 10 MB" in response.json()["message"]


def test_rejects_a_large_declared_length_without_reading(client: TestClient) -> None:
    headers = BINARY_HEADERS | {"Content-Length": str(MAX_UPLOAD_BYTES + 1)}
    assert client.post("/api/images", content=b"", headers=headers).status_code == 413


def test_pixel_limit_is_exact() -> None:
    side = 5000
    assert side * side == MAX_PIXELS
    wide = encode_image(np.zeros((side, side + 1, 3), np.uint8), "PNG", compress_level=1)
    with pytest.raises(RequestError, match="megapixels"):
        decode_upload(wide, SHAPE)
    square = encode_image(np.full((side, side, 3), 7, np.uint8), "PNG", compress_level=1)
    assert (decode_upload(square, SHAPE) == 7).all()


def test_line_of_a_million_pixels_is_cropped_first() -> None:
    line = encode_image(np.full((1, 1_000_000, 3), 9, np.uint8))
    assert (decode_upload(line, SHAPE) == 9).all()


@pytest.mark.parametrize("file_format", UPLOAD_FORMATS)
def test_accepts_every_format(file_format: str) -> None:
    flat = np.full((40, 40, 3), (200, 100, 50), np.uint8)
    pixels = decode_upload(encode_image(flat, file_format), SHAPE)
    assert pixels.shape == (32, 32, 3)
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_accepts_every_pixel_mode(mode: str) -> None:
    image = Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).convert(mode)
    encoded = make_palette_png() if mode == "P" else encode_image(np.asarray(image))
    assert (decode_upload(encoded, SHAPE) == 255).all()


def make_palette_png() -> bytes:
    """Return a PNG of one palette color, with a transparent second color."""
    image = Image.new("P", (40, 40), 1)
    image.putpalette([0, 0, 0, 255, 255, 255])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", transparency=bytes([0, 255]))
    return buffer.getvalue()


def test_rotates_by_the_exif_orientation() -> None:
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:32] = 255  # white at the top
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated: the top belongs to the right
    pixels = decode_upload(encode_image(halves, "JPEG", exif=exif, quality=95), SHAPE)
    assert pixels[:, 20:].min() > 200
    assert pixels[:, :12].max() < 50


def test_keeps_the_proportions_of_the_data() -> None:
    pixels = np.zeros((90, 100, 3), np.uint8)
    pixels[:, 20:80] = 255
    tall = decode_upload(encode_image(pixels), (3, 30, 20))
    assert tall.shape == (30, 20, 3)
    assert (tall[:, 1:-1] == 255).all()  # the filter extends beyond the border
    assert tall.min() > 200


def test_gray_data_uses_the_luma() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert set(np.unique(decode_upload(encode_image(red), (1, 32, 32)))) == {76}


def test_rejects_uploads_for_data_with_other_channels() -> None:
    with pytest.raises(RequestError, match="Choose an example"):
        decode_upload(encode_image(NOISE), (4, 32, 32))
