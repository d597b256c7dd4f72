"""Plain networks, insertion of attention into any network, weights, saving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.lazy import lazy_exports
from foveal.models.build import build_model, list_model_names, resolve_where
from foveal.models.convnet import ConvNet
from foveal.models.export import export_model
from foveal.models.finetuning import build_parameter_groups, find_head
from foveal.models.insertion import insert
from foveal.models.insertion_result import Insertion
from foveal.models.pretrained import compute_weights_checksum, load_pretrained_weights
from foveal.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101
from foveal.models.sites import Site
from foveal.models.state_dict_conversion import ImportedState, LoadReport, import_state, load_state
from foveal.optional_imports import STUDY_EXTRA

if TYPE_CHECKING:
    from foveal.models.serialization import AttentionModel as AttentionModel
    from foveal.models.serialization import load_model as load_model
    from foveal.models.serialization import save_model as save_model

__all__ = [
    "AttentionModel",
    "ConvNet",
    "ImportedState",
    "Insertion",
    "LoadReport",
    "ResNet",
    "Site",
    "build_model",
    "build_parameter_groups",
    "compute_weights_checksum",
    "export_model",
    "find_head",
    "import_state",
    "insert",
    "list_model_names",
    "load_model",
    "load_pretrained_weights",
    "load_state",
    "resnet101",
    "resnet18",
    "resnet34",
    "resnet50",
    "resolve_where",
    "save_model",
]
__getattr__ = lazy_exports(
    __name__,
    dict.fromkeys(["AttentionModel", "load_model", "save_model"], "serialization"),
    requirement=STUDY_EXTRA,
)
