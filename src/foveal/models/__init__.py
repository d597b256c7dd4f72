"""Plain networks, and attention put into any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.models.build import build_model, model_names, place_of
from foveal.models.convnet import ConvNet
from foveal.models.finetuning import head_of, trainable_groups
from foveal.models.insertion import Insertion, insert
from foveal.models.pretrained import load_pretrained, pretrained_checksum
from foveal.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101
from foveal.models.sites import Site
from foveal.models.state_dict_conversion import ImportedState, LoadReport, import_state, load_state
from foveal.optional_imports import STUDY

if TYPE_CHECKING:
    from foveal.models.serialization import AttentionModel as AttentionModel
    from foveal.models.serialization import load_model as load_model
    from foveal.models.serialization import save_model as save_model

__all__ = [
    "AttentionModel",
    "ConvNet",
    "ImportedState",
    "LoadReport",
    "import_state",
    "load_state",
    "Insertion",
    "ResNet",
    "Site",
    "build_model",
    "head_of",
    "insert",
    "load_model",
    "load_pretrained",
    "model_names",
    "place_of",
    "pretrained_checksum",
    "resnet101",
    "resnet18",
    "resnet34",
    "resnet50",
    "save_model",
    "trainable_groups",
]
__getattr__ = lazy_exports(
    __name__,
    dict.fromkeys(["AttentionModel", "load_model", "save_model"], "serialization"),
    requirement=STUDY,
)
