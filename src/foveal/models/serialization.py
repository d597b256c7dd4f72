"""Saving and loading of networks: `build_model` options as config.json, weights as safetensors, no pickle."""

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
    """A network of `build_model` with `save_pretrained`, `from_pretrained` and `push_to_hub`.

    The arguments are those of `build_model`. They are saved as config.json, the weights as
    model.safetensors. `model` is the network. Only `push_to_hub` sends anything to the hub.

    Shape: (N, C, H, W) to (N, num_classes).
    """

    def __init__(self, name: str = "convnet", **options: Any) -> None:
        super().__init__()
        self.model = build_model(name, **options)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        out: Tensor = self.model(x)
        return out


def save_model(model: nn.Module, folder: str | Path, **build_options: Any) -> None:
    """Write the weights of a model, and the options with which `build_model` built it."""
    wrapper = AttentionModel(**build_options)
    wrapper.model = model
    wrapper.save_pretrained(folder)


def load_model(folder: str | Path) -> nn.Module:
    """Build a saved network and load its weights; all keys must match.

    Raises:
        FovealError: a file is missing or corrupt.
    """
    try:
        with redirect_stdout(io.StringIO()):  # from_pretrained prints a line; stdout is for results
            wrapper = AttentionModel.from_pretrained(
                str(folder), strict=True, local_files_only=True
            )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise FovealError(f"The model in {folder} cannot be read ({error}).") from error
    model: nn.Module = wrapper.model
    return model
