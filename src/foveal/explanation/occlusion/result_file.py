"""File of an occlusion result: one npz, written atomically, without pickled objects."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foveal.atomic import atomic_write
from foveal.errors import FovealError
from foveal.explanation.occlusion.targets import Target
from foveal.explanation.occlusion.windows import Windows

_RESULT_FILE_VERSION = 2
# Errors that NumPy, zip, JSON and the fields raise for corrupt bytes.
_READ_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,  # an encrypted zip, or one with an unknown compression
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def write_result(
    path: Path,
    *,
    logits: Mapping[str, Tensor],
    windows: Windows,
    fills: tuple[str, ...],
    labels: Tensor | None,
    target: Target,
    score: str,
) -> None:
    """Write the fields of an `OcclusionResult` atomically."""
    settings = {
        "version": _RESULT_FILE_VERSION,
        "models": list(logits),
        "fills": fills,
        "windows": asdict(windows),
        "target": target if isinstance(target, str | int) else None,
        "score": score,
    }
    arrays = {f"logits_{index}": values.numpy() for index, values in enumerate(logits.values())}
    if labels is not None:
        arrays["labels"] = labels.numpy()
    if isinstance(target, Tensor):
        arrays["target"] = target.numpy()
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, settings=np.array(json.dumps(settings)), **arrays)  # type: ignore[arg-type]


def read_result(path: Path) -> dict[str, Any]:
    """Return the fields of an `OcclusionResult` by name.

    Raises:
        FovealError: the file is not an occlusion result, or has another version.
    """
    try:
        # The file is opened here, because NumPy does not close files that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            settings = json.loads(str(stored["settings"]))
            arrays = {n: torch.from_numpy(stored[n]) for n in stored.files if n != "settings"}
        if settings["version"] != _RESULT_FILE_VERSION:
            raise ValueError(
                f"version {settings['version']}, expected version {_RESULT_FILE_VERSION}"
            )
        geometry = settings["windows"]
        edge = geometry.pop("edge")
        sizes = {name: (int(y), int(x)) for name, (y, x) in geometry.items()}
        return {
            "logits": {
                name: arrays[f"logits_{index}"] for index, name in enumerate(settings["models"])
            },
            "windows": Windows(**sizes, edge=edge),
            "fills": tuple(settings["fills"]),
            "labels": arrays.get("labels"),
            "target": arrays["target"] if settings["target"] is None else settings["target"],
            "score": settings["score"],
        }
    except _READ_ERRORS as error:
        raise FovealError(
            f"{path} is not an occlusion result or is damaged ({error}). Run the sweep again."
        ) from error
