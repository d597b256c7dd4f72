"""Record of a run: a folder that is complete or absent."""

from __future__ import annotations

import csv
import json
import tomllib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tomli_w

from foveal.atomic import atomic_write
from foveal.errors import CorruptRecordError, FovealError, UsageError
from foveal.records import schema
from foveal.records.manifest import (
    is_complete,
    make_corrupt_run_error,
    verify_manifest,
    write_manifest,
)

_RESULT_KEYS: Final = frozenset(
    {
        "variant", "seed", "test_accuracy", "test_loss", "top5_accuracy", "train_accuracy",
        "train_loss", "calibration_error", "parameters", "epochs", "classes", "data",
        "data_checksum", "seconds", "images_per_second",
    }
)  # fmt: skip
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class RunRecord:
    """All records of a finished run except its weights.

    `metrics` has one array per column of metrics.csv, with a value per epoch. `predictions` are the
    predictions on the test set, `training_batch` some augmented training images; most runs of a study have
    none. `extras` are arrays computed from the trained network, by the name of the extra.
    """

    folder: Path
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    metrics: Arrays
    results: Mapping[str, Any]
    predictions: Arrays
    training_batch: Arrays
    extras: Mapping[str, Arrays] = field(default_factory=dict)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved config of a run."""
    write_toml(folder / schema.CONFIG_FILE, {"schema": schema.SCHEMA_VERSION, **config})


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a run, finished or not."""
    return read_versioned_toml(folder / schema.CONFIG_FILE, frozenset({"attention", "seed"}))


def write_run(
    folder: Path,
    *,
    environment: Mapping[str, Any],
    metrics: Sequence[Mapping[str, float]],
    results: Mapping[str, Any],
    predictions: Arrays,
    training_batch: Arrays | None = None,
) -> None:
    """Write the results of a run, then the manifest that completes it."""
    write_json(folder / schema.ENVIRONMENT_FILE, environment)
    write_table(folder / schema.METRICS_FILE, metrics)
    write_arrays(folder / schema.PREDICTIONS_FILE, predictions)
    if training_batch is not None:
        write_arrays(folder / schema.TRAINING_BATCH_FILE, training_batch)
    write_json(folder / schema.RESULTS_FILE, {"schema": schema.SCHEMA_VERSION, **results})
    write_manifest(folder)


def read_run(folder: Path) -> RunRecord:
    """Read a finished run except its weights.

    Raises:
        UsageError: `folder` is not a finished run.
        CorruptRecordError: a file is missing or has changed.
        FovealError: the run has another schema.
    """
    if not is_complete(folder):
        raise UsageError(f"{folder} is not a finished run: it has no {schema.MANIFEST_FILE}.")
    verify_manifest(folder, skip_folders=[schema.MODEL_FOLDER])
    try:
        return RunRecord(
            folder=folder,
            config=read_config(folder),
            environment=json.loads((folder / schema.ENVIRONMENT_FILE).read_text()),
            metrics=_read_table(folder / schema.METRICS_FILE),
            results=read_results(folder),
            predictions=read_predictions(folder),
            training_batch=_read_training_batch(folder),
            extras=read_extras(folder),
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise make_corrupt_run_error(folder, str(error)) from error


def _read_training_batch(folder: Path) -> Arrays:
    """Return some training images of a run; empty in most runs of a study, which stores them once."""
    path = folder / schema.TRAINING_BATCH_FILE
    return read_arrays(path) if path.exists() else {}


def write_extra(folder: Path, name: str, arrays: Arrays) -> None:
    """Write the arrays of one extra of a run or a study."""
    (folder / schema.EXTRAS_FOLDER).mkdir(exist_ok=True)
    write_arrays(folder / schema.EXTRAS_FOLDER / f"{name}.npz", arrays)


def has_extra(folder: Path, name: str) -> bool:
    """Return True if an extra of a run or a study is stored."""
    return (folder / schema.EXTRAS_FOLDER / f"{name}.npz").is_file()


def read_extra(folder: Path, name: str) -> Arrays | None:
    """Read the arrays of one extra of a run or a study, or return None if it is not stored."""
    return (
        read_arrays(folder / schema.EXTRAS_FOLDER / f"{name}.npz")
        if has_extra(folder, name)
        else None
    )


def read_extras(folder: Path) -> dict[str, Arrays]:
    """Read the arrays of all extras of a run or a study, by name."""
    paths = sorted((folder / schema.EXTRAS_FOLDER).glob("*.npz"))
    return {path.stem: read_arrays(path) for path in paths}


def read_predictions(folder: Path) -> Arrays:
    """Read the predictions of a run on its test set."""
    return read_arrays(folder / schema.PREDICTIONS_FILE)


def read_results(folder: Path) -> dict[str, Any]:
    """Read the results of a run.

    Raises:
        ValueError: the file is not JSON, or a result is missing.
    """
    path = folder / schema.RESULTS_FILE
    results = json.loads(path.read_text())
    missing = _RESULT_KEYS - set(results)
    if missing:
        raise ValueError(f"{path.name} lacks {', '.join(sorted(missing))}")
    return dict(results)


def read_versioned_toml(path: Path, required_keys: frozenset[str]) -> dict[str, Any]:
    """Read a TOML file of the current schema, and return it without the schema's version.

    Raises:
        CorruptRecordError: the file is not TOML, or a required key is missing.
        FovealError: the file has another schema.
    """
    try:
        content = _read_toml(path)
    except (OSError, ValueError) as error:
        raise CorruptRecordError(
            f"{path} is damaged ({error}). Restore it or run it again."
        ) from error
    version = content.pop("schema", None)
    if version != schema.SCHEMA_VERSION:
        raise FovealError(
            f"{path} has schema {version} (expected {schema.SCHEMA_VERSION}): read it with the version of "
            "foveal that wrote it, or run it again in a new folder."
        )
    if not required_keys <= set(content):
        missing = ", ".join(sorted(required_keys - set(content)))
        raise CorruptRecordError(
            f"{path} is damaged (it lacks {missing}). Restore it or run it again."
        )
    return content


def write_toml(path: Path, content: Mapping[str, Any]) -> None:
    """Write a TOML file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(tomli_w.dumps(content))


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with equal keys as a CSV file, atomically."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _read_table(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Read a CSV file of numbers, one array per column."""
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if not rows or any(len(row) != len(header) for row in rows):
        raise ValueError(f"{path.name} is truncated")
    columns = zip(*rows, strict=True)
    return {
        name: np.array([float(cell) for cell in column])
        for name, column in zip(header, columns, strict=True)
    }


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays as a compressed npz file, atomically."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes ** for allow_pickle


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every array of an npz file; pickled arrays are refused."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
