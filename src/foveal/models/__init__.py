"""Plain networks, and attention put into any of them."""

from foveal.models.build import build_model, model_names
from foveal.models.checkpoints import ImportedState, LoadReport, import_state, load_state
from foveal.models.convnet import ConvNet
from foveal.models.insertion import Insertion, insert
from foveal.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101
from foveal.models.saved import AttentionModel, load_model, save_model
from foveal.models.sites import Site

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
    "insert",
    "load_model",
    "model_names",
    "resnet101",
    "resnet18",
    "resnet34",
    "resnet50",
    "save_model",
]
