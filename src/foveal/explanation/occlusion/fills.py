"""Fills: the values that replace the occluded part of an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.seeding import make_generator

_Values = float | Sequence[float] | Tensor
Normalization = tuple[_Values, _Values]
Fill = str | float | Tensor


@dataclass(frozen=True)
class _FillContext:
    """Inputs of a named fill: images (N, C, H, W) in the model's input space, normalization, window size.

    `normalization` is mean and std, each (1, C, 1, 1), or None if unknown.
    """

    images: Tensor
    normalization: tuple[Tensor, Tensor] | None
    window: tuple[int, int]

    @property
    def exact_images(self) -> Tensor:
        """Images in double precision, on the CPU because some devices lack double precision."""
        return self.images.detach().cpu().double()

    @property
    def is_standardized(self) -> bool:
        """True if the data have mean 0 and standard deviation 1 in input space.

        With mean 0 and std 1 as the normalization, the images are still in image space. The fills then use
        statistics of the images.
        """
        if self.normalization is None:
            return False
        mean, std = self.normalization
        return bool((mean != 0).any() or (std != 1).any())


def require_normalization(
    normalization: Normalization | None, channels: int
) -> tuple[Tensor, Tensor] | None:
    """Return mean and std as (1, C, 1, 1) each; each is one number, or one number per channel.

    Raises:
        UsageError: the length is wrong, or a std is not above 0.
    """
    if normalization is None:
        return None
    should_be = f"mean and std above 0, each a number or one for each of {channels} channels"
    try:
        mean, std = (
            torch.as_tensor(values, device="cpu", dtype=torch.float64)
            .reshape(1, -1, 1, 1)
            .expand(1, channels, 1, 1)
            for values in normalization
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise bad_parameter("normalization", should_be, normalization) from error
    if not bool((std > 0).all()):
        raise bad_parameter("normalization", should_be, normalization)
    return mean, std


def _mean_fill(context: _FillContext) -> Tensor:
    """Return the mean of the data if the images are standardized, otherwise the mean of the images."""
    if context.is_standardized:
        return torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    return context.exact_images.mean(dim=(0, 2, 3), keepdim=True)


def _image_mean_fill(context: _FillContext) -> Tensor:
    """Return the mean color of each image, (N, C, 1, 1)."""
    return context.exact_images.mean(dim=(2, 3), keepdim=True)


def _black_fill(context: _FillContext) -> Tensor:
    """Return black in input space, (1, C, 1, 1)."""
    return _normalize_gray(context, 0.0)


def _gray_fill(context: _FillContext) -> Tensor:
    """Return medium gray in input space, (1, C, 1, 1)."""
    return _normalize_gray(context, 0.5)


def _normalize_gray(context: _FillContext, value: float) -> Tensor:
    """Return a gray value from 0 to 1 in the model's input space, (1, C, 1, 1)."""
    if context.normalization is None:
        raise UsageError(
            "The fills `black` and `gray` need the normalization of the images. Pass "
            "normalization=(mean, std), or (0, 1) for images that are not normalized."
        )
    mean, std = context.normalization
    return (value - mean) / std


def _blur_fill(context: _FillContext) -> Tensor:
    """Return each image without details finer than the window, (N, C, H, W)."""
    return gaussian_blur(context.images, max(context.window) / 2)


def _noise_fill(context: _FillContext) -> Tensor:
    """Return one pattern of Gaussian noise, (1, C, H, W).

    Mean and standard deviation are those of the data if the images are standardized, otherwise those of
    the images.
    """
    shape = (1, *context.images.shape[1:])
    noise = torch.randn(shape, generator=make_generator(0, "fill"), dtype=torch.float64)
    if context.is_standardized:
        return noise
    std = context.exact_images.std(dim=(0, 2, 3), keepdim=True, correction=0)
    return _mean_fill(context) + noise * std


FILLS: dict[str, Callable[[_FillContext], Tensor]] = {
    "mean": _mean_fill,
    "black": _black_fill,
    "gray": _gray_fill,
    "image-mean": _image_mean_fill,
    "blur": _blur_fill,
    "noise": _noise_fill,
}


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Return images (N, C, H, W) convolved with a Gaussian of `sigma` pixels, without truncation.

    At the border the weights of the existing pixels are scaled to a sum of 1. So a constant image does not
    change, and no padding is needed.
    """
    if not 0 < sigma < math.inf:
        raise bad_parameter("sigma", "above 0", sigma)
    vertical, horizontal = (
        _compute_gaussian_weights(side, sigma).to(images)
        for side in (images.shape[2], images.shape[3])
    )
    return vertical @ images @ horizontal.T


def _compute_gaussian_weights(side: int, sigma: float) -> Tensor:
    """Return the normalized weights of all pixels of a side for each output pixel, float64 (side, side)."""
    pixels = torch.arange(side, dtype=torch.float64)
    return (-0.5 * ((pixels[:, None] - pixels) / sigma) ** 2).softmax(1)


def resolve_fills(
    fill: Fill | Sequence[Fill],
    images: Tensor,
    *,
    normalization: Normalization | None,
    window: tuple[int, int],
) -> dict[str, Tensor]:
    """Return each fill by its name, broadcastable to `images` (N, C, H, W) and of their dtype.

    With mean 0 and std 1 as the `normalization`, images are taken to be in image space: `black` and `gray`
    are colors there, `mean` and `noise` use statistics of the images.

    Raises:
        UsageError: a fill is unknown, or the normalization is invalid (even if no fill needs it).
    """
    context = _FillContext(images, require_normalization(normalization, images.shape[1]), window)
    fills = [fill] if isinstance(fill, str | int | float | Tensor) else list(fill)
    tensors: dict[str, Tensor] = {}
    for single_fill in fills:
        name = _get_fill_name(single_fill)
        if name in tensors:
            raise bad_parameter("fill", "different fills, at most one of them a tensor", fill)
        tensors[name] = _resolve_fill(single_fill, context).to(images)
    if not tensors:
        raise bad_parameter("fill", "at least one fill", fill)
    return tensors


def _get_fill_name(fill: Fill) -> str:
    """Return the name of a fill in a result.

    >>> _get_fill_name("mean"), _get_fill_name(0), _get_fill_name(torch.zeros(3))
    ('mean', '0.0', 'tensor')
    """
    if isinstance(fill, str):
        return fill
    return "tensor" if isinstance(fill, Tensor) else repr(float(fill))


def _resolve_fill(fill: Fill, context: _FillContext) -> Tensor:
    """Return one fill as a tensor with as many dimensions as the images."""
    if isinstance(fill, str):
        if fill not in FILLS:
            raise unknown_name("fill", fill, FILLS)
        return FILLS[fill](context)
    return make_fill_broadcastable(fill, context.images)


def make_fill_broadcastable(fill: float | Sequence[float] | Tensor, images: Tensor) -> Tensor:
    """Return a fill of numbers as a tensor that broadcasts to images (N, C, H, W)."""
    tensor = torch.as_tensor(fill)
    shape = (1, -1, 1, 1) if tensor.ndim < 2 else (1,) * (4 - tensor.ndim) + tensor.shape
    tensor = tensor.reshape(shape)
    try:
        torch.broadcast_to(tensor, images.shape)
    except RuntimeError as error:
        should_be = (
            "a number, or a tensor of shape (C,), (C, H, W) or (N, C, H, W) for images of shape "
            f"{tuple(images.shape)}"
        )
        raise bad_parameter("fill", should_be, tuple(tensor.shape)) from error
    return tensor
