"""Runs in event files of TensorBoard, read by its own library."""

from __future__ import annotations

import logging
from pathlib import Path

from foveal.analysis.run_tables.found_run import FoundRun, UnreadableRunError
from foveal.analysis.run_tables.yaml_settings import read_hyperparameters
from foveal.optional_imports import suggest_install


def is_tensorboard_run(folder: Path) -> bool:
    """Return True if a folder has an event file."""
    return any(folder.glob("*tfevents*"))


def read_tensorboard_run(folder: Path, name: str) -> FoundRun:
    """Return the run of a folder with its scalars; `hparams.yaml` of Lightning has its settings.

    Raises:
        UnreadableRunError: there are no scalars.
        MissingPackageError: tensorboard is not installed.
    """
    with suggest_install("tensorboard"):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util import tensor_util

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    curves: dict[str, list[float]] = {}
    length = 0
    for tag in events.Tags()["scalars"]:
        scalars = events.Scalars(tag)
        curves[tag] = [event.value for event in scalars]
        length = max(length, scalars[-1].step)
    for tag in events.Tags()["tensors"]:  # TensorFlow 2 writes scalars as tensors
        stored = events.Tensors(tag)
        tensors = [tensor_util.make_ndarray(event.tensor_proto) for event in stored]
        if all(tensor.size == 1 and tensor.dtype.kind == "f" for tensor in tensors):
            curves[tag] = [float(tensor.item()) for tensor in tensors]
            length = max(length, stored[-1].step)
    if not curves:
        raise UnreadableRunError("its event files have no scalars")
    return FoundRun(name, read_hyperparameters(folder), curves, length)
