"""Warnings for networks that their trainer builds anew, without the gates: those of ultralytics.

Its trainers build a network from the dict `yaml` of another one, or from the YAML file, and then load
weights by name.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

from torch import nn

from foveal.models.folded_norm import CopyMark

_LIBRARY = "ultralytics."
_ADVICE = (
    "Insert attention in `get_model` of a trainer, before the weights are loaded, and call "
    "`train(trainer=...)`; docs/own-network.md has the lines."
)


class GatedYaml(dict[str, Any]):
    """The dict `yaml` of a network with gates: it warns once when it is copied without the network.

    Such a copy builds another network. A copy together with the network, and a pickle, stay as they are.
    """

    def __init__(self, content: dict[str, Any], mark: CopyMark) -> None:
        super().__init__(content)
        self.mark = mark
        self.has_warned = False

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        """Return a copy; without the network it is a plain dict."""
        content = {key: copy.deepcopy(value, memo) for key, value in self.items()}
        # Trainers also give this dict to the average of the weights, which is another network with gates.
        marks = [new for new in memo.values() if isinstance(new, CopyMark)]
        if marks:
            return GatedYaml(content, memo.get(id(self.mark), marks[0]))
        if not self.has_warned:
            self.has_warned = True
            _warn(f"A network is built anew from one with gates, and has none. {_ADVICE}")
        return content

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Return the parts of a pickle; the dict is plain again once another network has it."""
        content = dict(self)
        return (dict, (content,)) if self.has_warned else (GatedYaml, (content, self.mark))


def watch_rebuilding(model: nn.Module, mark: CopyMark) -> None:
    """Warn where the trainer of ultralytics forgets the gates of its network; other networks are left alone."""
    content = getattr(model, "yaml", None)
    if not isinstance(content, dict) or not _is_of_ultralytics(model):
        return
    model.yaml = GatedYaml(content, mark)  # type: ignore[assignment]
    if hasattr(model, "pt_path"):
        return
    if hasattr(model, "task"):
        _warn(f"`train()` of this YOLO builds its network anew, without gates. {_ADVICE}")
    elif hasattr(model, "args"):
        _warn(
            "The trainer of this network has its optimizer and its average of weights already, so the gates "
            f"would not train. {_ADVICE}"
        )


def forget_rebuilding(model: nn.Module) -> None:
    """Undo `watch_rebuilding`."""
    if isinstance(content := getattr(model, "yaml", None), GatedYaml):
        model.yaml = dict(content)  # type: ignore[assignment]


def _is_of_ultralytics(model: nn.Module) -> bool:
    """Return True if a class of the network is one of ultralytics."""
    return any(each.__module__.startswith(_LIBRARY) for each in type(model).__mro__)


def _warn(message: str) -> None:
    """Warn the caller of the library."""
    warnings.warn(message, UserWarning, stacklevel=5)
