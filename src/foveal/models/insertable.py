"""Networks into which no gate can be inserted: the reason and what to do, as one error."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from foveal.errors import UsageError

_WRAPPER_CLASSES = (
    "DataParallel",
    "DistributedDataParallel",
    "FullyShardedDataParallel",
    "OptimizedModule",
)


def require_insertable(model: nn.Module) -> None:
    """Raise a `UsageError` if a model cannot be traced or cannot hold gates.

    It is not a module, is wrapped or compiled, contains scripted or uninitialized modules, or inference
    mode is on.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"Parameter `model` should be a torch.nn.Module. Found {type(model).__name__}."
        )
    kind = type(model).__name__
    if kind in _WRAPPER_CLASSES:
        raise UsageError(f"The model is wrapped in {kind}. Insert attention before wrapping it.")
    if torch.is_inference_mode_enabled():
        raise UsageError(
            "Gates that are made in torch.inference_mode() cannot be trained. Insert attention outside."
        )
    for name, module in model.named_modules():
        place = f"{name!r}" if name else "The model"
        if isinstance(module, torch.jit.ScriptModule):
            raise UsageError(
                f"{place} is compiled by torch.jit. Insert attention before scripting or tracing it."
            )
        parameters = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if any(is_lazy(parameter) for parameter in parameters):
            raise UsageError(
                f"{place} is a lazy module without weights yet. Call the model once before the insertion."
            )
