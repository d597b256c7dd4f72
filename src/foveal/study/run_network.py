"""Trained network of a finished run."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from foveal.errors import UsageError
from foveal.models import load_model
from foveal.records import schema


def load_run_network(run: Path) -> nn.Module:
    """Return the trained network of a finished run, on the CPU.

    Raises:
        UsageError: the run was stored without its weights.
        FovealError: a file is missing or corrupt.
    """
    folder = run / schema.MODEL_FOLDER
    if not folder.exists():
        raise UsageError(
            f"The run {run} was stored without its weights. Train it into another folder with "
            "--keep-weights all."
        )
    return load_model(folder)
