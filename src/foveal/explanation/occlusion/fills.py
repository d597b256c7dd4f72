"""What a hidden part of an image is filled with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.seeding import make_generator

Values = float | Sequence[float] | Tensor
Normalization = tuple[Values, Values]
Fill = str | float | Tensor


@dataclass(frozen=True)
class FillContext:
    """What a named fill is made from: images (N, C, H, W) as the model takes them, and the window.

    `normalization` are mean and std, each (1, C, 1, 1), None if they are not known.
    """

    images: Tensor
    normalization: tuple[Tensor, Tensor] | None
    window: tuple[int, int]

    @property
    def exact(self) -> Tensor:
        """The images in double precision, on the CPU, as not every device has that."""
        return self.images.detach().cpu().double()

    @property
    def standardized(self) -> bool:
        """Whether the images are normalized by mean and deviation of data, which are then 0 and 1.

        With mean 0 and std 1 they are in image space, and say of the data what they hold themselves.
        """
        if self.normalization is None:
            return False
        mean, std = self.normalization
        return bool((mean != 0).any() or (std != 1).any())


def normalize_gray(given: FillContext, value: float) -> Tensor:
    """Return a gray value of image space, from 0 to 1, in the model's input space, (1, C, 1, 1)."""
    if given.normalization is None:
        raise UsageError(
            "The fills `black_fill` and `gray_fill` are colors of the image as it was: say how the images were "
            "normalized with normalization=(mean, std), or (0, 1) if they were not."
        )
    mean, std = given.normalization
    return (value - mean) / std


def require_normalization(
    normalization: Normalization | None, channels: int
) -> tuple[Tensor, Tensor] | None:
    """Return mean and std as (1, C, 1, 1) each, refusing what is not one number for all or one a channel."""
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


def mean_fill(given: FillContext) -> Tensor:
    """Return the mean of the data the normalization is of, else that of the images given.

    A normalization by mean 0 and std 1 is of no data.
    """
    if given.standardized:
        return torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    return given.exact.mean(dim=(0, 2, 3), keepdim=True)


def image_mean_fill(given: FillContext) -> Tensor:
    """Return the mean color of each image, (N, C, 1, 1)."""
    return given.exact.mean(dim=(2, 3), keepdim=True)


def black_fill(given: FillContext) -> Tensor:
    """Return black."""
    return normalize_gray(given, 0.0)


def gray_fill(given: FillContext) -> Tensor:
    """Return the middle of the range."""
    return normalize_gray(given, 0.5)


def blur_fill(given: FillContext) -> Tensor:
    """Return each image without what is finer than a window, (N, C, H, W)."""
    return gaussian_blur(given.images, max(given.window) / 2)


def noise_fill(given: FillContext) -> Tensor:
    """Return one pattern of Gaussian noise with the mean and deviation of the data, (1, C, H, W).

    Of which data is as for `mean_fill`.
    """
    shape = (1, *given.images.shape[1:])
    drawn = torch.randn(shape, generator=make_generator(0, "fill"), dtype=torch.float64)
    if given.standardized:
        return drawn
    deviation = given.exact.std(dim=(0, 2, 3), keepdim=True, correction=0)
    return mean_fill(given) + drawn * deviation


FILLS: dict[str, Callable[[FillContext], Tensor]] = {
    "mean_fill": mean_fill,
    "black_fill": black_fill,
    "gray_fill": gray_fill,
    "image-mean": image_mean_fill,
    "blur_fill": blur_fill,
    "noise_fill": noise_fill,
}


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Return images (N, C, H, W) under a Gaussian of `sigma` pixels, however wide.

    At the border the weights of the pixels that are there are scaled to a sum of 1, so that a plain image
    stays as it is and nothing has to be imagined outside.
    """
    if not 0 < sigma < math.inf:
        raise bad_parameter("sigma", "above 0", sigma)
    vertical, horizontal = (
        gaussian_weights(side, sigma).to(images) for side in (images.shape[2], images.shape[3])
    )
    return vertical @ images @ horizontal.T


def gaussian_weights(side: int, sigma: float) -> Tensor:
    """Return the weights of all pixels of a side for each of them, float64 (side, side)."""
    place = torch.arange(side, dtype=torch.float64)
    return (-0.5 * ((place[:, None] - place) / sigma) ** 2).softmax(1)


def resolve_fills(
    fill: Fill | Sequence[Fill],
    images: Tensor,
    *,
    normalization: Normalization | None,
    window: tuple[int, int],
) -> dict[str, Tensor]:
    """Return each fill by its name, broadcastable to `images` (N, C, H, W) and of their dtype.

    With a `normalization` by mean 0 and std 1 the images are taken to be in image space: `black_fill` and
    `gray_fill` are colors there, `mean_fill` and `noise_fill` follow the images.

    Raises:
        UsageError: there is no such fill, or a normalization of another length, whatever the fill.
    """
    given = FillContext(images, require_normalization(normalization, images.shape[1]), window)
    several = [fill] if isinstance(fill, str | int | float | Tensor) else list(fill)
    found: dict[str, Tensor] = {}
    for one in several:
        name = get_fill_name(one)
        if name in found:
            raise bad_parameter("fill", "different fills, at most one of them a tensor", fill)
        found[name] = resolve_fill(one, given).to(images)
    if not found:
        raise bad_parameter("fill", "at least one fill", fill)
    return found


def get_fill_name(fill: Fill) -> str:
    """Return how a fill is named in a result.

    >>> get_fill_name("mean_fill"), get_fill_name(0), get_fill_name(torch.zeros(3))
    ('mean_fill', '0.0', 'tensor')
    """
    if isinstance(fill, str):
        return fill
    return "tensor" if isinstance(fill, Tensor) else repr(float(fill))


def resolve_fill(fill: Fill, given: FillContext) -> Tensor:
    """Return one fill as a tensor with as many dimensions as the images."""
    if isinstance(fill, str):
        if fill not in FILLS:
            raise unknown_name("fill", fill, FILLS)
        return FILLS[fill](given)
    return broadcastable_fill(fill, given.images)


def broadcastable_fill(fill: float | Sequence[float] | Tensor, images: Tensor) -> Tensor:
    """Return a fill given as numbers as a tensor that broadcasts to images (N, C, H, W)."""
    own = torch.as_tensor(fill)
    shape = (1, -1, 1, 1) if own.ndim < 2 else (1,) * (4 - own.ndim) + own.shape
    own = own.reshape(shape)
    try:
        torch.broadcast_to(own, images.shape)
    except RuntimeError as error:
        should_be = (
            "a number, or a tensor with a value a channel (C,), an image (C, H, W), "
            f"or one for each image, for images of shape {tuple(images.shape)}"
        )
        raise bad_parameter("fill", should_be, tuple(own.shape)) from error
    return own
