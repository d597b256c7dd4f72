"""A trained network on disk: how it is built, and its weights. Nothing is pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from foveal.errors import FovealError
from foveal.models.build import build_model

CONFIG = "config.json"
WEIGHTS = "model.safetensors"


def save_model(model: nn.Module, folder: Path, **built_with: Any) -> None:
    """Write the weights and the arguments that `build_model` was called with."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(built_with, indent=2) + "\n")


def load_model(folder: Path) -> nn.Module:
    """Build the network again and load its weights; every key has to match.

    Raises:
        FovealError: a file is missing or damaged.
    """
    try:
        model = build_model(**json.loads((folder / CONFIG).read_text()))
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise FovealError(f"The model in {folder} cannot be read ({error}).") from error
    return model
