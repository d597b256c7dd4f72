"""Pretrained weights: loading a weight file into a network with or without gates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from foveal.attention.inserted import find_gates
from foveal.errors import FovealError, UsageError
from foveal.models.finetuning import find_head
from foveal.models.state_dict_conversion import (
    GATE_KEYS,
    LoadReport,
    import_state,
    load_matched,
    match_keys,
    require_matching_keys,
)
from foveal.validation import require_one_of

_FOVEAL_SOURCE = "foveal"
_STATE_DICT_ENTRIES = ("state_dict", "model")  # of a checkpoint dict, in the usual training scripts
_MODEL_PREFIX = "model."  # of every key in a file of `save_model`
_CHECKSUM_DIGITS = 16


def load_pretrained_weights(
    model: nn.Module, path: str | Path, *, source: str = _FOVEAL_SOURCE, target: str | None = None
) -> LoadReport:
    """Load a weight file into a model and return what happened to each key.

    Two things may be missing, are listed in the report and keep their initial values: gates, and the
    head if the one in the file has another number of classes.

    Args:
        model: a network with or without gates; it is changed in place.
        path: a `.safetensors` file, or a file of `torch.save` with a state dict, alone or under
            `state_dict` or `model`. Only tensors are unpickled.
        source: `foveal`, or a source of `import_state`: `official`, `timm` or `torchvision`.
        target: the attention in the model, see `import_state`; needed only if the file contains gates.

    Raises:
        FovealError: the file is corrupt or contains anything besides tensors.
        UsageError: the file or the source does not exist, or another key is missing, unexpected or has
            another shape. The model is unchanged then.
    """
    path = Path(path)
    require_one_of("source", source, (_FOVEAL_SOURCE, *GATE_KEYS))
    weights = _read_state_dict(path)
    state = (
        _strip_model_prefix(model, weights)
        if source == _FOVEAL_SOURCE
        else import_state(weights, source, target=target)
    )
    report, head = match_keys(model, state), _list_replaced_head_keys(model, state)
    report = replace(report, unexpected=_exclude_keys(report.unexpected, head))
    require_matching_keys(
        _exclude_keys(report.missing, head | _list_gate_keys(model)),
        report.unexpected,
        f"In {path} only gate weights may be missing, "
        "and only the classifier may have another number of classes.",
    )
    load_matched(model, state, report)
    return report


def compute_weights_checksum(path: str | Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a weight file.

    Raises:
        UsageError: the file does not exist.
    """
    path = Path(path)
    _require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_CHECKSUM_DIGITS]


def _require_file(path: Path) -> None:
    """Raise a `UsageError` if the weight file does not exist."""
    if not path.is_file():
        raise UsageError(f"There is no file {path} with weights.")


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a weight file, with all tensors on the CPU."""
    _require_file(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a corrupt pickle can raise anything
        raise FovealError(
            f"The weights in {path} cannot be read. The file is corrupt, or contains more than the "
            "tensors of a state dict."
        ) from error
    return _unwrap_state_dict(content, path)


def _unwrap_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict in the content of a file, which may be one entry of a checkpoint dict."""
    if isinstance(content, Mapping):
        entries = (
            content[name] for name in _STATE_DICT_ENTRIES if isinstance(content.get(name), Mapping)
        )
        content = next(entries, content)
        if all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
            return dict(content)
    raise FovealError(
        f"{path} contains no weights. It should be a dict of tensors by name, alone or under "
        f"{' or '.join(map(repr, _STATE_DICT_ENTRIES))}."
    )


def _strip_model_prefix(model: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Remove the prefix that `save_model` adds to every key, unless the model has a child of that name."""
    if not all(key.startswith(_MODEL_PREFIX) for key in state) or hasattr(
        model, _MODEL_PREFIX[:-1]
    ):
        return state
    return {key.removeprefix(_MODEL_PREFIX): value for key, value in state.items()}


def _list_gate_keys(model: nn.Module) -> set[str]:
    """Return the state-dict keys of all gates."""
    return {
        f"{name}.{key}" for name, gate in find_gates(model).items() for key in gate.state_dict()
    }


def _list_replaced_head_keys(model: nn.Module, state: Mapping[str, Tensor]) -> set[str]:
    """Return the keys of the head if the head in `state` has another number of classes, otherwise none."""
    head = find_head(model)
    name = next(name for name, module in model.named_modules() if module is head)
    ours = {f"{name}.{key}": value.shape for key, value in head.named_parameters(recurse=False)}
    theirs = {key: state[key].shape for key in ours if key in state}
    differs_in_classes = all(theirs[key][0] != ours[key][0] for key in theirs)
    has_same_inputs = all(theirs[key][1:] == ours[key][1:] for key in theirs)
    return set(ours) if theirs and differs_in_classes and has_same_inputs else set()


def _exclude_keys(keys: tuple[str, ...], excluded: set[str]) -> tuple[str, ...]:
    """Return the keys that are not in `excluded`, in order."""
    return tuple(key for key in keys if key not in excluded)
