"""A network on disk as a recipe and its weights: backbone, insertion, tensors. Nothing is pickled."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError
from torch import Tensor, nn

from foveal.errors import FovealError
from foveal.models.build import build_model


class AttentionModel(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="foveal",
    tags=["attention", "image-classification"],
):
    """What `build_model` builds, with `save_pretrained`, `from_pretrained` and `push_to_hub`.

    The arguments are those of `build_model`; they become config.json, and the weights
    model.safetensors. `model` is the network itself. Nothing goes to the hub unasked.

    Shape: (N, C, H, W) to (N, num_classes).
    """

    def __init__(self, name: str = "convnet", **options: Any) -> None:
        super().__init__()
        self.model = build_model(name, **options)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        out: Tensor = self.model(x)
        return out


def save_model(model: nn.Module, folder: Path, **built_with: Any) -> None:
    """Write the weights, and as config the arguments that `build_model` was called with."""
    shell = AttentionModel(**built_with)
    shell.model = model
    shell.save_pretrained(folder)


def load_model(folder: Path) -> nn.Module:
    """Build the network again and load its weights; every key has to match.

    Raises:
        FovealError: a file is missing or damaged.
    """
    try:
        with redirect_stdout(io.StringIO()):  # it prints a line, and stdout is for results
            loaded = AttentionModel.from_pretrained(str(folder), strict=True, local_files_only=True)
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise FovealError(f"The model in {folder} cannot be read ({error}).") from error
    model: nn.Module = loaded.model
    return model
