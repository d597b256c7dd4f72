"""Weights from a file, put into a network that may have gates already."""

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

FOVEAL_SOURCE = "foveal"
STATE_DICT_ENTRIES = (
    "state_dict",
    "model",
)  # entries under which training scripts keep the state dict
MODEL_PREFIX = "model."  # stands before each key in what `save_model` writes
CHECKSUM_DIGITS = 16


def load_pretrained(
    model: nn.Module, path: Path, *, source: str = FOVEAL_SOURCE, target: str | None = None
) -> LoadReport:
    """Load the weights in a file and return what became of each key.

    What is missing is named in the report and stays as it was drawn: gates, and the head where that
    of the file is for another number of classes.

    Args:
        model: with gates or without; it is changed in place.
        path: a `.safetensors` file, or one of `torch.save` with a state dict, alone or under
            `state_dict` or `model`. Nothing but tensors is unpickled.
        source: `foveal`, or one of `import_state`'s: `official`, `timm` or `torchvision`.
        target: the attention in the model, see `import_state`; it matters where the file has gates.

    Raises:
        FovealError: the file is damaged, or holds other things than tensors.
        UsageError: there is no such file or source, or anything else is missing, unexpected or of
            another shape. The model is as it was then.
    """
    require_one_of("source", source, (FOVEAL_SOURCE, *GATE_KEYS))
    read = read_state_dict(path)
    own = source == FOVEAL_SOURCE
    state = strip_model_prefix(model, read) if own else import_state(read, source, target=target)
    report, head = match_keys(model, state), list_replaced_head_keys(model, state)
    report = replace(report, unexpected=exclude_keys(report.unexpected, head))
    require_matching_keys(
        exclude_keys(report.missing, head | list_gate_keys(model)),
        report.unexpected,
        f"{path} may lack gates, and have a head for another number of classes, no more",
    )
    load_matched(model, state, report)
    return report


def compute_weights_checksum(path: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file.

    Raises:
        UsageError: there is no such file.
    """
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:CHECKSUM_DIGITS]


def require_file(path: Path) -> None:
    """Raise an error where there is no file."""
    if not path.is_file():
        raise UsageError(f"There is no file {path} with weights.")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, on the CPU."""
    require_file(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # there is no telling what a damaged pickle raises
        raise FovealError(
            f"The weights in {path} cannot be read: the file is damaged, or holds more than the "
            "tensors of a state dict."
        ) from error
    return unwrap_state_dict(content, path)


def unwrap_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict in what was read, which may be wrapped in a dict with other things."""
    if isinstance(content, Mapping):
        wrapped = (
            content[name] for name in STATE_DICT_ENTRIES if isinstance(content.get(name), Mapping)
        )
        content = next(wrapped, content)
        if all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
            return dict(content)
    raise FovealError(
        f"{path} holds no weights: it should be a dict of tensors by name, alone or under "
        f"{' or '.join(map(repr, STATE_DICT_ENTRIES))}."
    )


def strip_model_prefix(model: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take off what `save_model` puts before each key, unless the model itself has it."""
    if not all(key.startswith(MODEL_PREFIX) for key in state) or hasattr(model, MODEL_PREFIX[:-1]):
        return state
    return {key.removeprefix(MODEL_PREFIX): value for key, value in state.items()}


def list_gate_keys(model: nn.Module) -> set[str]:
    """Return the keys of all gates."""
    return {
        f"{name}.{key}" for name, gate in find_gates(model).items() for key in gate.state_dict()
    }


def list_replaced_head_keys(model: nn.Module, state: Mapping[str, Tensor]) -> set[str]:
    """Return the keys of the head where the file's is for another number of classes, else none."""
    head = find_head(model)
    name = next(name for name, module in model.named_modules() if module is head)
    ours = {f"{name}.{key}": value.shape for key, value in head.named_parameters(recurse=False)}
    theirs = {key: state[key].shape for key in ours if key in state}
    other = all(theirs[key][0] != ours[key][0] for key in theirs)
    fits_in = all(theirs[key][1:] == ours[key][1:] for key in theirs)
    return set(ours) if theirs and other and fits_in else set()


def exclude_keys(keys: tuple[str, ...], known: set[str]) -> tuple[str, ...]:
    """Return the keys that are not known, in their order."""
    return tuple(key for key in keys if key not in known)
