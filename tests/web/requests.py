"""What a test sends to the page, and how it reads what comes back."""

import base64
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from starlette.testclient import TestClient

BYTES = {"Content-Type": "application/octet-stream"}


def encoded(pixels: npt.NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **options)
    return buffer.getvalue()


def picture(uri: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG in a data URI, (H, W, 3)."""
    head, _, content = uri.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def example(client: TestClient, row: int) -> dict[str, Any]:
    answer = client.post("/api/images", json={"example": row})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def upload(client: TestClient, content: bytes) -> dict[str, Any]:
    answer = client.post("/api/images", content=content, headers=BYTES)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def sweep(client: TestClient, token: str, **options: Any) -> list[dict[str, Any]]:
    """Return every line of a sweep."""
    answer = client.get(f"/api/images/{token}/occlusion", params=options)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]
