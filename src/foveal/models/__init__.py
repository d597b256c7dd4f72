"""Plain networks, and attention put into any of them."""

from foveal.models.build import build_model, model_names
from foveal.models.convnet import ConvNet
from foveal.models.insertion import Insertion, insert
from foveal.models.saved import load_model, save_model
from foveal.models.sites import Site

__all__ = [
    "ConvNet",
    "Insertion",
    "Site",
    "build_model",
    "insert",
    "load_model",
    "model_names",
    "save_model",
]
