"""Construction of models by name, with or without attention."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from foveal.attention import VariantSpec, parse_variant
from foveal.errors import UsageError, unknown_name
from foveal.models.convnet import ConvNet
from foveal.models.insertion import insert
from foveal.models.parameter_matching import find_widening
from foveal.models.resnet import resnet18, resnet34, resnet50, resnet101
from foveal.optional_imports import MissingPackageError, suggest_install
from foveal.seeding import fork_rng
from foveal.user_imports import import_string
from foveal.variant_names import BASELINE, CONTROL_OPTION, VARIANTS_WITHOUT_ATTENTION, WIDE_CONTROL

_IMAGENET_STEM_SIZE = 64  # image size (px) from which a ResNet has the ImageNet stem by default
_RESNETS = {
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
}
_LIBRARIES = ("torchvision", "timm")


def list_model_names() -> list[str]:
    """Return the names of foveal's own networks, sorted."""
    return sorted(["convnet", *_RESNETS])


def build_model(
    name: str,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    image_size: int = 32,
    stem: str | None = None,
    attention: str = BASELINE,
    start: str = "paper",
    seed: int = 0,
) -> nn.Module:
    """Build a network and insert attention into it.

    The weights of the backbone are drawn from `seed` first, those of the gates from separate random
    streams. So all variants of one seed share the backbone's weights.

    Args:
        name: one of `list_model_names()`, `torchvision/NAME`, `timm/NAME`, or `package.module:callable`, which
            is called with `num_classes`.
        num_classes: number of logits.
        in_channels: channels of the images.
        image_size: height and width of the images (px).
        stem: stem of a ResNet, `imagenet` or `cifar`; by default `cifar` for images under 64 px.
        attention: a variant such as `none`, `cbam` or `cbam:reduction=8:where=residual+stage`;
            `wide:like=cbam` is a plain network with as many parameters, `same-time` the plain network.
        start: see `insert`.
        seed: seed of the weights.

    Raises:
        UsageError: the model, the attention or one of its options is unknown.

    >>> build_model("convnet", attention="channel:reduction=4").blocks[0].relu.attention.reduce
    Linear(in_features=32, out_features=8, bias=True)
    """
    spec = parse_variant(attention)
    factory = _get_backbone_factory(name, in_channels, image_size, stem)
    if spec.name == WIDE_CONTROL:
        factory = _widen_factory(name, partial(factory, num_classes=num_classes), spec)
    with fork_rng(seed, "backbone"):
        model = factory(num_classes=num_classes)
    if not hasattr(model, "input_shape"):
        model.input_shape = (in_channels, image_size, image_size)  # type: ignore[assignment]
    if spec.name not in VARIANTS_WITHOUT_ATTENTION:
        insert(model, spec.name, where=spec.where, seed=seed, start=start, **spec.options)  # type: ignore[arg-type]
    return model


def resolve_where(name: str, *, attention: str, **model_options: Any) -> str | None:
    """Return the sites at which `build_model` inserts a variant, or None for a variant without attention.

    >>> resolve_where("resnet18", attention="bam"), resolve_where("convnet", attention="bam")
    ('stage', 'conv')
    """
    spec = parse_variant(attention)
    if spec.name in VARIANTS_WITHOUT_ATTENTION:
        return None
    model = build_model(name, **model_options)
    return insert(model, spec.name, where=spec.where, dry_run=True, **spec.options).where  # type: ignore[arg-type]


def _widen_factory(
    name: str, factory: Callable[..., nn.Module], control: VariantSpec
) -> Callable[..., nn.Module]:
    """Return a factory of the plain network with as many parameters as the one with attention.

    `control` is the variant `wide` with the attention that it is a control of.
    """
    if name not in list_model_names():
        raise UsageError(
            f"The control `{WIDE_CONTROL}` needs one of {', '.join(list_model_names())}. Found {name}."
        )
    options = dict(control.options)
    attention = str(options.pop(CONTROL_OPTION))
    with torch.device("meta"):
        model = factory()
        insert(model, attention, where=control.where, **options)  # type: ignore[arg-type]
    parameters = sum(p.numel() for p in model.parameters())
    return partial(factory, widening=find_widening(factory, parameters))


def _get_backbone_factory(
    name: str, in_channels: int, image_size: int, stem: str | None
) -> Callable[..., nn.Module]:
    """Return the function that builds the network `name`; it takes `num_classes`."""
    image_options: dict[str, Any] = {"in_channels": in_channels, "image_size": image_size}
    if name in _RESNETS:
        stem = stem or ("cifar" if image_size < _IMAGENET_STEM_SIZE else "imagenet")
        return partial(_RESNETS[name], **image_options, stem=stem)
    if stem is not None:
        raise UsageError(
            f"Parameter `stem` is for {', '.join(_RESNETS)} only. Found `stem = {stem}` for {name}."
        )
    if name == "convnet":
        return partial(ConvNet, **image_options)
    if ":" in name:
        factory: Callable[..., nn.Module] = import_string(name)
        return factory
    library, slash, model = name.partition("/")
    if slash and library in _LIBRARIES:
        return partial(_build_library_model, library, model, in_channels)
    raise unknown_name(
        "model", name, [*list_model_names(), *(f"{each}/NAME" for each in _LIBRARIES)]
    )


def _build_library_model(
    library: str, name: str, in_channels: int, *, num_classes: int
) -> nn.Module:
    """Build a network of torchvision or timm, without pretrained weights."""
    try:
        with suggest_install(library):
            if library == "timm":
                timm = importlib.import_module("timm")
                model = timm.create_model(name, num_classes=num_classes, in_chans=in_channels)
            else:
                models = importlib.import_module("torchvision.models")
                model = models.get_model(name, weights=None, num_classes=num_classes)
    except MissingPackageError:
        raise
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{library} cannot build {name!r} ({error}).") from error
    network: nn.Module = model
    return network
