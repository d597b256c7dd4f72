"""Models by name, with or without attention."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from foveal.attention import parse_variant
from foveal.attention.variant_spec import VariantSpec
from foveal.errors import UsageError, unknown_name
from foveal.models.convnet import ConvNet
from foveal.models.insertion import insert
from foveal.models.parameter_matching import widening_for
from foveal.models.resnet import resnet18, resnet34, resnet50, resnet101
from foveal.optional_imports import MissingPackageError, suggest_install
from foveal.seeding import fork_rng
from foveal.user_imports import import_string
from foveal.variant_names import BASELINE, WIDE_CONTROL, WITHOUT_ATTENTION

SMALL_IMAGES = 64  # pixels a side under which a ResNet has the stem of CIFAR
RESNETS = {"resnet18": resnet18, "resnet34": resnet34, "resnet50": resnet50, "resnet101": resnet101}


def model_names() -> list[str]:
    """Return the names of our own networks, sorted."""
    return sorted(["convnet", *RESNETS])


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
    """Build a network and put attention into it.

    The backbone's weights come from `seed` first and the gates' from streams of their own, so every
    variant of one seed has the same backbone.

    Args:
        name: one of `model_names()`, `torchvision/NAME`, `timm/NAME`, or `package.module:callable`, which
            is called with `num_classes`.
        num_classes: width of the logits.
        in_channels: channels of the images.
        image_size: their height and width.
        stem: of a ResNet, `imagenet` or `cifar`; by default `cifar` for images under 64 px.
        attention: a variant such as `none`, `cbam` or `cbam:reduction=8:where=residual+stage`; or
            `wide:like=cbam`, one of our networks without attention, but as many parameters; or
            `same-time`, the plain network.
        start: see `insert`.
        seed: of the weights.

    Raises:
        UsageError: the model, the attention or one of its options is unknown.

    >>> build_model("convnet", attention="channel:reduction=4").blocks[0].relu.attention.reduce
    Linear(in_features=32, out_features=8, bias=True)
    """
    spec = parse_variant(attention)
    make = backbone_maker(name, in_channels, image_size, stem)
    if spec.name == WIDE_CONTROL:
        make = widened(name, partial(make, num_classes=num_classes), spec)
    with fork_rng(seed, "backbone"):
        model = make(num_classes=num_classes)
    if not hasattr(model, "input_shape"):
        model.input_shape = (in_channels, image_size, image_size)  # type: ignore[assignment]
    if spec.name not in WITHOUT_ATTENTION:
        insert(model, spec.name, where=spec.where, seed=seed, start=start, **spec.options)  # type: ignore[arg-type]
    return model


def place_of(name: str, *, attention: str, **built_with: Any) -> str | None:
    """Return where `build_model`, given the same, puts attention, None for a variant without any.

    >>> place_of("resnet18", attention="bam"), place_of("convnet", attention="bam")
    ('stage', 'conv')
    """
    spec = parse_variant(attention)
    if spec.name in WITHOUT_ATTENTION:
        return None
    model = build_model(name, **built_with)
    return insert(model, spec.name, where=spec.where, dry_run=True, **spec.options).where  # type: ignore[arg-type]


def widened(
    name: str, make: Callable[..., nn.Module], spec: VariantSpec
) -> Callable[..., nn.Module]:
    """Return what makes the plain network as large as the one with the attention `spec` is like."""
    if name not in model_names():
        raise UsageError(f"Only our own networks can be made wider: {', '.join(model_names())}.")
    options = dict(spec.options)
    like = str(options.pop("like"))
    with torch.device("meta"):
        model = make()
        insert(model, like, where=spec.where, **options)  # type: ignore[arg-type]
    wanted = sum(p.numel() for p in model.parameters())
    return partial(make, widening=widening_for(make, wanted))


def backbone_maker(
    name: str, in_channels: int, image_size: int, stem: str | None
) -> Callable[..., nn.Module]:
    """Return what makes the network `name`, to be called with `num_classes`."""
    images: dict[str, Any] = {"in_channels": in_channels, "image_size": image_size}
    if name in RESNETS:
        stem = stem or ("cifar" if image_size < SMALL_IMAGES else "imagenet")
        return partial(RESNETS[name], **images, stem=stem)
    if stem is not None:
        raise UsageError(
            f"Only our ResNets have a stem to choose. Found `stem = {stem}` for {name}."
        )
    if name == "convnet":
        return partial(ConvNet, **images)
    if ":" in name:
        make: Callable[..., nn.Module] = import_string(name)
        return make
    library, slash, model = name.partition("/")
    if slash and library in {"torchvision", "timm"}:
        return partial(from_library, library, model, in_channels)
    raise unknown_name("model", name, [*model_names(), "torchvision/NAME", "timm/NAME"])


def from_library(library: str, model: str, in_channels: int, *, num_classes: int) -> nn.Module:
    """Build a network of torchvision or timm, without pretrained weights."""
    try:
        with suggest_install(library):
            if library == "timm":
                timm = importlib.import_module("timm")
                made = timm.create_model(model, num_classes=num_classes, in_chans=in_channels)
            else:
                models = importlib.import_module("torchvision.models")
                made = models.get_model(model, weights=None, num_classes=num_classes)
    except MissingPackageError:
        raise
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"{library} cannot build {model!r} ({error}).") from error
    network: nn.Module = made
    return network
