"""The file of an occlusion sweep: one npz, written whole or not at all, in which nothing is pickled."""

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

VERSION = 1
# What NumPy, zip, JSON and the fields raise of bytes that are not as they were written.
READ_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,  # a zip that says it is encrypted, or packed in a way not known
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
    """Write the fields of an `OcclusionResult`, aside and then renamed."""
    about = {
        "version": VERSION,
        "models": list(logits),
        "fills": fills,
        "windows": asdict(windows),
        "target": target if isinstance(target, str | int) else None,
        "score": score,
    }
    arrays = {f"logits_{k}": values.numpy() for k, values in enumerate(logits.values())}
    if labels is not None:
        arrays["labels"] = labels.numpy()
    if isinstance(target, Tensor):
        arrays["target"] = target.numpy()
    with atomic_write(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def read_result(path: Path) -> dict[str, Any]:
    """Return the fields of an `OcclusionResult` by name.

    Raises:
        FovealError: it is no such file, or of another version.
    """
    try:
        # Opened here, as NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            arrays = {n: torch.from_numpy(stored[n]) for n in stored.files if n != "about"}
        if about["version"] != VERSION:
            raise ValueError(f"version {about['version']}, and this foveal reads {VERSION}")
        geometry = about["windows"]
        edge = geometry.pop("edge")
        sizes = {name: (int(y), int(x)) for name, (y, x) in geometry.items()}
        return {
            "logits": {name: arrays[f"logits_{k}"] for k, name in enumerate(about["models"])},
            "windows": Windows(**sizes, edge=edge),
            "fills": tuple(about["fills"]),
            "labels": arrays.get("labels"),
            "target": arrays["target"] if about["target"] is None else about["target"],
            "score": about["score"],
        }
    except READ_ERRORS as error:
        raise FovealError(f"{path} holds no result of an occlusion sweep ({error}).") from error
