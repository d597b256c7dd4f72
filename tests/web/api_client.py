"""Requests to the page's server, and decoding of its responses."""

import base64
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.testclient import TestClient

from foveal.web.app import create_app
from foveal.web.loaded_study import LoadedStudy
from foveal.web.worker import Worker

PORT = 8000
VARIANTS = ("none", "channel", "spatial", "bam", "cbam")
BINARY_HEADERS = {"Content-Type": "application/octet-stream"}


def make_client(
    study: LoadedStudy, worker: Worker, *, raise_server_exceptions: bool = True
) -> TestClient:
    """Return a client that sends requests as a browser on this machine does."""
    return TestClient(
        create_app(study, worker, port=PORT),
        base_url=f"http://127.0.0.1:{PORT}",
        raise_server_exceptions=raise_server_exceptions,
    )


def encode_image(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], file_format: str = "PNG", **options: Any
) -> bytes:
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=file_format, **options)
    return buffer.getvalue()


def decode_picture(uri: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG in a data URI, (H, W, 3)."""
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def post_example(client: TestClient, index: int) -> dict[str, Any]:
    """Choose a test image and return its session."""
    response = client.post("/api/images", json={"example": index})
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def post_upload(client: TestClient, content: bytes) -> dict[str, Any]:
    """Upload an image and return its session."""
    response = client.post("/api/images", content=content, headers=BINARY_HEADERS)
    assert response.status_code == 200, response.text
    session: dict[str, Any] = response.json()
    return session


def get_sweep(client: TestClient, token: str, **options: Any) -> list[dict[str, Any]]:
    """Return every line of an occlusion sweep."""
    response = client.get(f"/api/images/{token}/occlusion", params=options)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]
