"""Weights from a file, put into a network that may have gates already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from foveal.attention.inserted import gates_of
from foveal.errors import FovealError, UsageError
from foveal.models.finetuning import head_of
from foveal.models.state_dict_conversion import (
    GATES,
    LoadReport,
    account,
    import_state,
    put,
    refuse_misfit,
)
from foveal.validation import require_one_of

OWN = "foveal"
WRAPPINGS = ("state_dict", "model")  # entries under which training scripts keep the state dict
SHELL = "model."  # stands before each key in what `save_model` writes
DIGITS = 16


def load_pretrained(
    model: nn.Module, path: Path, *, source: str = OWN, target: str | None = None
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
    require_one_of("source", source, (OWN, *GATES))
    read = read_weights(path)
    own = source == OWN
    state = out_of_shell(model, read) if own else import_state(read, source, target=target)
    report, head = account(model, state), keys_of_other_head(model, state)
    report = replace(report, unexpected=others(report.unexpected, head))
    refuse_misfit(
        others(report.missing, head | keys_of_gates(model)),
        report.unexpected,
        f"{path} may lack gates, and have a head for another number of classes, no more",
    )
    put(model, state, report)
    return report


def pretrained_checksum(path: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a file.

    Raises:
        UsageError: there is no such file.
    """
    refuse_absent(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]


def refuse_absent(path: Path) -> None:
    """Raise an error where there is no file."""
    if not path.is_file():
        raise UsageError(f"There is no file {path} with weights.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict, on the CPU."""
    refuse_absent(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # there is no telling what a damaged pickle raises
        raise FovealError(
            f"The weights in {path} cannot be read: the file is damaged, or holds more than the "
            "tensors of a state dict."
        ) from error
    return state_in(content, path)


def state_in(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict in what was read, which may be wrapped in a dict with other things."""
    if isinstance(content, Mapping):
        wrapped = (content[name] for name in WRAPPINGS if isinstance(content.get(name), Mapping))
        content = next(wrapped, content)
        if all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
            return dict(content)
    raise FovealError(
        f"{path} holds no weights: it should be a dict of tensors by name, alone or under "
        f"{' or '.join(map(repr, WRAPPINGS))}."
    )


def out_of_shell(model: nn.Module, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Take off what `save_model` puts before each key, unless the model itself has it."""
    if not all(key.startswith(SHELL) for key in state) or hasattr(model, SHELL[:-1]):
        return state
    return {key.removeprefix(SHELL): value for key, value in state.items()}


def keys_of_gates(model: nn.Module) -> set[str]:
    """Return the keys of all gates."""
    return {f"{name}.{key}" for name, gate in gates_of(model).items() for key in gate.state_dict()}


def keys_of_other_head(model: nn.Module, state: Mapping[str, Tensor]) -> set[str]:
    """Return the keys of the head where the file's is for another number of classes, else none."""
    head = head_of(model)
    name = next(name for name, module in model.named_modules() if module is head)
    ours = {f"{name}.{key}": value.shape for key, value in head.named_parameters(recurse=False)}
    theirs = {key: state[key].shape for key in ours if key in state}
    other = all(theirs[key][0] != ours[key][0] for key in theirs)
    fits_in = all(theirs[key][1:] == ours[key][1:] for key in theirs)
    return set(ours) if theirs and other and fits_in else set()


def others(keys: tuple[str, ...], known: set[str]) -> tuple[str, ...]:
    """Return the keys that are not known, in their order."""
    return tuple(key for key in keys if key not in known)
