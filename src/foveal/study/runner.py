"""One run, from its config to its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from foveal.attention import parse_variant
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.models import save_model
from foveal.records import RunRecord, get_partial_path, read_run, schema, write_run
from foveal.records.run import read_config, write_config
from foveal.study import extras
from foveal.study.config import RunConfig, as_record, differences
from foveal.study.environment import describe_environment
from foveal.study.progress import Progress
from foveal.study.resolved_config import (
    get_data_config,
    load_config_data,
    with_checksums,
    with_full_paths,
    with_numerics,
)
from foveal.study.training_job import Job, build_job, first_images, per_image, run_training
from foveal.training import TrainingResult


def run(
    config: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    data: ImageData | None = None,
    progress: Progress | None = None,
    with_extras: bool = True,
) -> RunRecord:
    """Train and evaluate as `config` says, and leave the record in `folder`.

    The folder is complete or absent: work goes on in `FOLDER.partial`, which is renamed at the end. A
    finished run with the same config is read, not run again. `data` is what `config` names, if it has
    been read already.

    Raises:
        UsageError: the config cannot be met, the folder holds a run with another config, or an
            interrupted run is there and `resume` is false.
        DamagedError: what is there already is damaged.
    """
    parse_variant(config.attention)  # a typo should not wait for the images
    data = data or load_config_data(get_data_config(config))
    aside = get_partial_path(folder)
    stored = stored_config(folder) or stored_config(aside)
    config = with_checksums(with_full_paths(with_numerics(config, stored)), data)
    job = build_job(config, data)
    if stored is not None:
        refuse_difference(folder, stored, config)
    if folder.exists():
        tidy(folder)
        return read_run(folder)
    if stored is not None and not resume:
        raise UsageError(
            f"{aside} holds this run, interrupted: add --resume to go on with it, or delete the folder."
        )
    with working_in(aside):
        write_config(aside, as_record(config))
        training, results = run_training(job, aside, progress or Progress())
        if with_extras:
            extras.leave_with_run(aside, job, training)
        leave_record(job, aside, training, results | {"run": str(folder)})
    aside.rename(folder)
    tidy(folder)
    return read_run(folder)


def tidy(folder: Path) -> None:
    """Delete what only an unfinished run needs; not before it is complete, which a kill must not cost."""
    for name in schema.CHECKPOINT, schema.PROGRESS:
        (folder / name).unlink(missing_ok=True)


def stored_config(folder: Path) -> dict[str, Any] | None:
    """Return the config of the run in `folder`, None where there is no run."""
    if (folder / schema.CONFIG).is_file():
        return read_config(folder)
    if folder.exists() and any(
        p.name != schema.LOCK and p.name[0] != "." for p in folder.iterdir()
    ):
        raise UsageError(f"{folder} exists and is not a run: choose another folder.")
    return None


def refuse_difference(folder: Path, stored: dict[str, Any], config: RunConfig) -> None:
    """Refuse to put a run where one with another config is."""
    found = differences(stored, as_record(config))
    if found:
        raise UsageError(
            f"{folder} holds a run with another config ({'; '.join(found)}): choose another folder."
        )


@contextmanager
def working_in(aside: Path) -> Iterator[None]:
    """Hold the folder of an unfinished run against any other process."""
    aside.mkdir(parents=True, exist_ok=True)
    lock = FileLock(aside / schema.LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"Another process is working on {aside}: wait for it to end.") from error
    try:
        yield
    finally:
        (aside / schema.LOCK).unlink(missing_ok=True)
        lock.release()


def leave_record(job: Job, aside: Path, training: TrainingResult, results: dict[str, Any]) -> None:
    """Write all that a run leaves; its manifest comes last and makes it complete."""
    save_model(training.model, aside / schema.MODEL, **job.built_with)
    write_run(
        aside,
        environment=describe_environment(),
        metrics=[asdict(row) for row in training.history],
        results=results,
        predictions=per_image(training.evaluation),
        training_batch=first_images(job),
    )
