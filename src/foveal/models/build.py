"""Models by name, with or without attention."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from foveal.attention import parse_spec
from foveal.attention.spec import NONE
from foveal.errors import unknown_name
from foveal.models.convnet import ConvNet
from foveal.models.insertion import insert
from foveal.seeding import seeded

MODELS: dict[str, Callable[..., nn.Module]] = {"convnet": ConvNet}


def model_names() -> list[str]:
    """Return the names that `build_model` knows, sorted."""
    return sorted(MODELS)


def build_model(
    name: str,
    *,
    num_classes: int = 10,
    in_channels: int = 3,
    image_size: int = 32,
    attention: str = NONE,
    seed: int = 0,
) -> nn.Module:
    """Build a network and put attention into it.

    The backbone's weights come from `seed` first and the gates' from streams of their own, so every
    variant of one seed has the same backbone.

    Args:
        name: one of `model_names()`.
        num_classes: width of the logits.
        in_channels: channels of the images.
        image_size: their height and width.
        attention: a variant such as `none`, `series` or `series:reduction=8`.
        seed: of the weights.

    Raises:
        UsageError: the model, the attention or one of its options is unknown.

    >>> build_model("convnet", attention="channel:reduction=4").blocks[0].relu.attention.reduce
    Linear(in_features=32, out_features=8, bias=True)
    """
    if name not in MODELS:
        raise unknown_name("model", name, model_names())
    spec = parse_spec(attention)
    with seeded(seed, "backbone"):
        model = MODELS[name](num_classes, in_channels, image_size)
    if spec.name != NONE:
        insert(model, spec.name, where=spec.where, seed=seed, **spec.options)  # type: ignore[arg-type]
    return model
