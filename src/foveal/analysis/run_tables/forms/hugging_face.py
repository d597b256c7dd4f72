"""Runs of the Trainer of Hugging Face: `trainer_state.json`, in the folder of the run or in its checkpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from foveal.analysis.run_tables.found_run import (
    FoundRun,
    UnreadableRunError,
    collect_curves,
    to_number,
)
from foveal.analysis.run_tables.yaml_settings import flatten_settings

_STATE_FILE: Final = "trainer_state.json"
_CHECKPOINT: Final = re.compile(r"checkpoint-(\d+)")
_SETTINGS: Final = ("num_train_epochs", "max_steps", "train_batch_size")
_MODEL_FILE: Final = "config.json"


def is_hugging_face_run(folder: Path) -> bool:
    """Return True if a folder or one of its checkpoints has the state of a trainer."""
    return _find_state_file(folder) is not None


def read_hugging_face_run(folder: Path, name: str) -> FoundRun:
    """Return the run of a folder. It is finished after its last step, or if early stopping ended it.

    The state has no seed; only the name of the folder can tell it.
    """
    path = _find_state_file(folder)
    assert path is not None
    state = _read_json(path)
    history = state.get("log_history")
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise UnreadableRunError(f"{path.name} has no log_history")
    settings: dict[str, Any] = {key: state[key] for key in _SETTINGS if key in state}
    if (path.parent / _MODEL_FILE).is_file():
        model = _read_json(path.parent / _MODEL_FILE)
        settings |= {"model": model.get("_name_or_path") or model.get("model_type")}
    curves = collect_curves(history)
    curves.pop("step", None)
    curves.pop("epoch", None)
    best = to_number(state.get("best_metric"))
    if best is not None:
        curves["best_metric"] = [best]
    step, last = to_number(state.get("global_step")), to_number(state.get("max_steps"))
    if step is not None and last is not None and step < last and not _is_stopped(state):
        return FoundRun(name, settings, curves, step, f"{step:g} of {last:g} steps")
    return FoundRun(name, settings, curves, step)


def _find_state_file(folder: Path) -> Path | None:
    """Return the state of the folder itself, otherwise that of its last checkpoint; None without any."""
    if (folder / _STATE_FILE).is_file():
        return folder / _STATE_FILE
    found = [
        (int(match[1]), path)
        for path in folder.glob(f"checkpoint-*/{_STATE_FILE}")
        if (match := _CHECKPOINT.fullmatch(path.parent.name))
    ]
    return max(found)[1] if found else None


def _read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableRunError(f"{path.name} is not JSON") from error
    if not isinstance(content, dict):
        raise UnreadableRunError(f"{path.name} is not a JSON object")
    return content


def _is_stopped(state: Mapping[str, Any]) -> bool:
    """Return True if early stopping had no patience left."""
    flat = flatten_settings(state.get("stateful_callbacks") or {})
    patience = to_number(flat.get("EarlyStoppingCallback.args.early_stopping_patience"))
    waited = to_number(flat.get("EarlyStoppingCallback.attributes.early_stopping_patience_counter"))
    return patience is not None and waited is not None and waited >= patience
