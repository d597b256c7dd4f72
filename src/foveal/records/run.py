"""The record of one run: a folder, complete or absent."""

from __future__ import annotations

import csv
import json
import tomllib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.atomic import atomic_write
from foveal.errors import CorruptRecordError, FovealError, UsageError
from foveal.optional_imports import STUDY, suggest_install
from foveal.records import schema
from foveal.records.manifest import corrupt_run_error, is_complete, verify_manifest, write_manifest

RESULT_KEYS = frozenset(
    {
        "variant", "seed", "test_accuracy", "test_loss", "top5_accuracy", "train_accuracy",
        "train_loss", "calibration_error", "parameters", "epochs", "classes", "data",
        "data_checksum", "seconds", "images_per_second",
    }
)  # fmt: skip
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class RunRecord:
    """All that a finished run left, but its weights.

    `metrics` has one array a column of the curves, one value an epoch; `predictions` what was
    said of each test image; `training_batch` some images as training saw them; `extras` what else
    was asked of the network while its weights were at hand, by name.
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
    write_toml(folder / schema.CONFIG, {"schema": schema.SCHEMA, **config})


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a run, finished or not."""
    config = read_checked_toml(folder / schema.CONFIG, frozenset({"attention", "seed"}))
    del config["schema"]
    return config


def write_run(
    folder: Path,
    *,
    environment: Mapping[str, Any],
    metrics: Sequence[Mapping[str, float]],
    results: Mapping[str, Any],
    predictions: Arrays,
    training_batch: Arrays,
) -> None:
    """Write what a run found into `folder`, and the manifest that makes it complete."""
    write_json(folder / schema.ENVIRONMENT, environment)
    write_table(folder / schema.METRICS, metrics)
    write_arrays(folder / schema.PREDICTIONS, predictions)
    write_arrays(folder / schema.TRAINING_BATCH, training_batch)
    write_json(folder / schema.RESULTS, {"schema": schema.SCHEMA, **results})
    write_manifest(folder)


def read_run(folder: Path) -> RunRecord:
    """Read a finished run, all but its weights.

    Raises:
        UsageError: `folder` is no finished run.
        DamagedError: a file of it is missing, or not as it was written.
    """
    if not is_complete(folder):
        raise UsageError(f"{folder} is not a finished run: it has no {schema.MANIFEST}.")
    verify_manifest(folder, but=[schema.MODEL])
    try:
        return RunRecord(
            folder=folder,
            config=read_config(folder),
            environment=json.loads((folder / schema.ENVIRONMENT).read_text()),
            metrics=read_table(folder / schema.METRICS),
            results=read_results(folder / schema.RESULTS),
            predictions=read_arrays(folder / schema.PREDICTIONS),
            training_batch=read_arrays(folder / schema.TRAINING_BATCH),
            extras=read_extras(folder),
        )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise corrupt_run_error(folder, str(error)) from error


def write_extra(folder: Path, name: str, arrays: Arrays) -> None:
    """Write what one extra found of a run or a study."""
    (folder / schema.EXTRAS).mkdir(exist_ok=True)
    write_arrays(folder / schema.EXTRAS / f"{name}.npz", arrays)


def has_extra(folder: Path, name: str) -> bool:
    """Say whether an extra has left what it found."""
    return (folder / schema.EXTRAS / f"{name}.npz").is_file()


def read_extras(folder: Path) -> dict[str, Arrays]:
    """Read what the extras of a run or a study found, by name."""
    paths = sorted((folder / schema.EXTRAS).glob("*.npz"))
    return {path.stem: read_arrays(path) for path in paths}


def read_results(path: Path) -> dict[str, Any]:
    """Read the figures of a run and see that all are there."""
    results = json.loads(path.read_text())
    missing = RESULT_KEYS - set(results)
    if missing:
        raise ValueError(f"{path.name} lacks {', '.join(sorted(missing))}")
    return dict(results)


def read_checked_toml(path: Path, keys: frozenset[str]) -> dict[str, Any]:
    """Read a TOML file of this version's schema that has all of `keys`.

    Raises:
        DamagedError: it is damaged.
        FovealError: another version wrote it.
    """
    try:
        content = read_toml(path)
    except (OSError, ValueError) as error:
        raise CorruptRecordError(
            f"{path} is damaged ({error}): restore it, or run again."
        ) from error
    if content.get("schema") != schema.SCHEMA:
        raise FovealError(
            f"{path} was written in schema {content.get('schema')}, and this version reads "
            f"{schema.SCHEMA}: use the version of foveal that wrote it."
        )
    if not keys <= set(content):
        missing = ", ".join(sorted(keys - set(content)))
        raise CorruptRecordError(
            f"{path} is damaged (it lacks {missing}): restore it, or run again."
        )
    return content


def write_toml(path: Path, content: Mapping[str, Any]) -> None:
    """Write a TOML file whole or not at all."""
    with atomic_write(path) as aside:
        with suggest_install(STUDY):
            import tomli_w
        aside.write_text(tomli_w.dumps(content))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    with atomic_write(path) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with equal keys as CSV."""
    with atomic_write(path) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path) -> dict[str, npt.NDArray[np.float64]]:
    """Read a CSV file of numbers as one array a column."""
    with path.open(newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if not rows or any(len(row) != len(header) for row in rows):
        raise ValueError(f"{path.name} is cut off")
    columns = zip(*rows, strict=True)
    return {n: np.array([float(v) for v in c]) for n, c in zip(header, columns, strict=True)}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write named arrays as one compressed npz file, whole or not at all."""
    with atomic_write(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's own stub mistakes ** for allow_pickle


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every array of an npz file; pickled ones are refused."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
