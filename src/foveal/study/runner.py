"""Runner of one run: from its config to its record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foveal.atomic import get_partial_path
from foveal.attention import parse_variant
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.models import save_model
from foveal.records import RunRecord, read_run, schema, write_json, write_run
from foveal.records.run import read_config, write_arrays, write_config
from foveal.study.config import RunConfig, config_to_dict, list_differences
from foveal.study.data_loading import load_config_data
from foveal.study.environment import describe_environment
from foveal.study.extras_registry import select_run_extras, store_run_extras
from foveal.study.instruction_sets import require_same_instruction_set
from foveal.study.locks import lock_run, lock_study
from foveal.study.progress import Progress
from foveal.study.resolved_config import add_checksums, resolve_options
from foveal.study.training_job import (
    TrainingJob,
    build_job,
    collect_log_probabilities,
    collect_predictions,
    collect_training_images,
    run_training,
)
from foveal.training import TrainingResult


def run(
    config: RunConfig,
    folder: Path,
    *,
    resume: bool = False,
    data: ImageData | None = None,
    progress: Progress | None = None,
    with_extras: bool | Collection[str] = True,
    keep_weights: bool = True,
    keep_training_batch: bool = True,
    same_seed: Sequence[Path] = (),
) -> RunRecord:
    """Train and evaluate one network, write its record into `folder` and return the record.

    The folder is complete or absent: the run works in `FOLDER.partial`, which is renamed at the end. A
    finished run with the same config is read, not trained again.

    Args:
        config: options of the run; `auto` values are resolved here.
        folder: the run folder.
        resume: resume an interrupted run from its checkpoint.
        data: the images of the config, if they are loaded already.
        progress: callbacks for runs, steps and epochs.
        with_extras: which of `RUN_EXTRAS` to store with the run: all, none, or these names.
        keep_training_batch: store some training images with the run; a study needs them once. Without them
            and without weights, the shown test images are left out as well.
        keep_weights: store the weights and the log-probabilities of the test images with the run.
        same_seed: folders of the runs of a study that must share an instruction set with this one.

    Raises:
        UsageError: an option is wrong, the folder contains a run with another config, or an interrupted run
            is there and `resume` is false.
        OtherInstructionSetError: the run, or one of the same seed, was begun with another instruction set.
        CorruptRecordError: a file in the folder is damaged.
    """
    parse_variant(config.attention)  # report a typo before the images are loaded
    extras = select_run_extras(with_extras)
    if data is None:
        data = load_config_data(config)
    partial = get_partial_path(folder)
    stored = _read_stored_config(folder) or _read_stored_config(partial)
    config = add_checksums(resolve_options(config, stored), data)
    job = build_job(config, data)
    if stored is not None:
        _require_same_config(folder, stored, config)
    if folder.exists():
        _remove_working_files(folder)
        return read_run(folder)
    if stored is not None and not resume:
        raise UsageError(
            f"{partial} is an interrupted run. Add --resume to continue it, or delete the folder."
        )
    with lock_run(partial):
        _begin_run(config, folder, same_seed)
        training, results = run_training(job, partial, progress or Progress())
        keep_images = keep_weights or keep_training_batch
        store_run_extras(partial, job, training, extras, keep_images=keep_images)
        if keep_weights:
            _write_weights(partial / schema.MODEL_FOLDER, job, training)
        write_run(
            partial,
            environment=describe_environment(),
            metrics=[asdict(metrics) for metrics in training.history],
            results=results | {"run": str(folder)},
            predictions=collect_predictions(training),
            training_batch=collect_training_images(job) if keep_training_batch else None,
        )
    partial.rename(folder)
    _remove_working_files(folder)
    return read_run(folder)


def _remove_working_files(folder: Path) -> None:
    """Delete the files of an unfinished run. They are kept until the run is complete, in case of a kill."""
    for name in schema.CHECKPOINT_FILE, schema.PROGRESS_FILE:
        (folder / name).unlink(missing_ok=True)


def _read_stored_config(folder: Path) -> dict[str, Any] | None:
    """Return the config of the run in `folder`, or None if the folder is empty or missing.

    Raises:
        UsageError: the folder contains something else.
    """
    if (folder / schema.CONFIG_FILE).is_file():
        return read_config(folder)
    if folder.exists() and any(
        path.name != schema.LOCK_FILE and path.name[0] != "." for path in folder.iterdir()
    ):
        raise UsageError(f"{folder} exists and is not a run. Choose another folder.")
    return None


def _require_same_config(folder: Path, stored: Mapping[str, Any], config: RunConfig) -> None:
    """Raise a UsageError if the stored run has another config."""
    differences = list_differences(stored, config_to_dict(config))
    if differences:
        raise UsageError(
            f"{folder} is a run with another config ({'; '.join(differences)}). Choose another folder."
        )


def _begin_run(config: RunConfig, folder: Path, same_seed: Sequence[Path]) -> None:
    """Write the config and the environment of a run before its training.

    Raises:
        OtherInstructionSetError: the run, or one of the same seed, was begun with another instruction set.
    """
    partial = get_partial_path(folder)
    with lock_study(folder.parents[1]) if same_seed else nullcontext():
        require_same_instruction_set(config, [folder, *same_seed])
        write_config(partial, config_to_dict(config))
        write_json(partial / schema.ENVIRONMENT_FILE, describe_environment())


def _write_weights(folder: Path, job: TrainingJob, training: TrainingResult) -> None:
    """Write what only the trained network knows: its weights and its log-probabilities."""
    save_model(training.model, folder, **job.model_options)
    write_arrays(folder / schema.LOG_PROBABILITIES_FILE, collect_log_probabilities(training))
