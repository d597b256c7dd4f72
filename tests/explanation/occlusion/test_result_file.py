"""File of an occlusion result: round trip, and errors for damaged or other files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explanation.small_networks import CLASSES, AnySize, LinearModel, random_images
from foveal.errors import FovealError
from foveal.explanation import OcclusionResult, occlusion_sensitivity


def test_saves_and_loads(tmp_path: Path) -> None:
    models = {"a": AnySize(), "b": LinearModel((3, 9, 8), CLASSES)}
    images = random_images(2, 3, 9, 8)
    result = occlusion_sensitivity(models, images, [1, 2], window=3, target=torch.tensor([4, 5]))
    result.save(tmp_path / "maps.npz")
    again = OcclusionResult.load(tmp_path / "maps.npz")
    for name in models:
        assert torch.equal(again.map(name), result.map(name))
    assert again.windows == result.windows
    assert again.accuracy_under_occlusion("a") == result.accuracy_under_occlusion("a")
    assert [p.name for p in tmp_path.iterdir()] == ["maps.npz"]


def test_refuses_other_file(tmp_path: Path) -> None:
    (tmp_path / "other.npz").write_bytes(b"PK nothing")
    with pytest.raises(FovealError, match=r"other\.npz is not an occlusion result"):
        OcclusionResult.load(tmp_path / "other.npz")


@pytest.fixture(scope="module")
def file_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "maps.npz"
    occlusion_sensitivity(AnySize(), random_images(1, 3, 8, 8), [0]).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_refuses_truncated_file(file_bytes: bytes, tmp_path: Path, share: float) -> None:
    path = tmp_path / "maps.npz"
    path.write_bytes(file_bytes[: int(share * len(file_bytes))])
    with pytest.raises(FovealError, match=r"maps\.npz is not an occlusion result"):
        OcclusionResult.load(path)


def test_flipped_byte_raises_or_has_no_effect(file_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "maps.npz"
    path.write_bytes(file_bytes)
    expected = OcclusionResult.load(path).map()
    refused = 0
    for place in range(0, len(file_bytes), 7):
        path.write_bytes(
            file_bytes[:place] + bytes([file_bytes[place] ^ 0xFF]) + file_bytes[place + 1 :]
        )
        try:
            assert torch.equal(OcclusionResult.load(path).map(), expected), place
        except FovealError:
            refused += 1
    assert refused > len(file_bytes) / 7 / 2


@pytest.mark.parametrize("content", [np.zeros((2, 3)), np.array("text")])
def test_refuses_npy_file(content: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "maps.npy", content)
    with pytest.raises(FovealError, match=r"maps\.npy is not an occlusion result"):
        OcclusionResult.load(tmp_path / "maps.npy")


@pytest.mark.parametrize("settings", ["3", "null", "[]", "{", '{"version": 2, "windows": 3}'])
def test_refuses_other_npz_file(settings: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "maps.npz", settings=np.array(settings))
    with pytest.raises(FovealError, match=r"maps\.npz is not an occlusion result"):
        OcclusionResult.load(tmp_path / "maps.npz")


def test_refuses_other_version(tmp_path: Path) -> None:
    path = tmp_path / "maps.npz"
    occlusion_sensitivity(AnySize(), random_images(1, 3, 8, 8), [0]).save(path)
    with np.load(path) as stored:
        arrays: dict[str, Any] = dict(stored)
    settings = str(arrays["settings"])
    assert '"version": 2' in settings
    arrays["settings"] = np.array(settings.replace('"version": 2', '"version": 1'))
    np.savez(path, **arrays)
    with pytest.raises(FovealError, match="version 1, expected version 2"):
        OcclusionResult.load(path)
