"""Images with one window of a known share hidden."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.evaluation.corruptions import checked_images


@torch.no_grad()
def occlude(
    images: Tensor, share: float, *, fill: float | Tensor, generator: torch.Generator
) -> Tensor:
    """Return a copy of images (N, C, H, W) with one window of each hidden.

    The window has the aspect of the image, sides in whole pixels (`window`), and lies inside the
    image, everywhere equally often. Filled by selection, so what lay under it does not count. The
    place of each image is the next draw of the generator, so with a CPU generator that goes on from
    batch to batch the result does not hang on how the images are batched.

    Args:
        share: the area of the window as a fraction of the image's; 0 hides nothing.
        fill: a number, or a tensor that broadcasts to (C, 1, 1).
        generator: where the windows are drawn from.

    Raises:
        UsageError: for a share outside [0, 1] or a fill of another shape.
    """
    checked_images(images)
    height, width = window((images.shape[2], images.shape[3]), share)
    color = torch.as_tensor(fill).to(images)
    try:
        color = color.expand(images.shape[1], 1, 1)
    except RuntimeError:
        should_be = f"a number or broadcastable to ({images.shape[1]}, 1, 1)"
        raise bad_parameter("fill", should_be, tuple(color.shape)) from None
    draws = torch.rand(
        len(images), 2, dtype=torch.float64, generator=generator, device=generator.device
    ).to(images.device)
    rows = covered(draws[:, 0], images.shape[2], height)
    columns = covered(draws[:, 1], images.shape[3], width)
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], color, images)


def window(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Return the sides (px) of the window that hides `share` of an image of `size` (H, W).

    The height is rounded first, and the width makes up for it.

    >>> window((32, 32), 0.3), window((20, 40), 0.25), window((32, 32), 0.0)
    ((18, 17), (10, 20), (0, 0))
    """
    if not 0 <= share <= 1:
        raise bad_parameter("share", "in [0, 1]", share)
    if share == 0:
        return 0, 0
    height = max(1, round(size[0] * math.sqrt(share)))
    return height, min(size[1], max(1, round(share * size[0] * size[1] / height)))


def covered(draws: Tensor, size: int, length: int) -> Tensor:
    """Return which of `size` places a stretch of `length` covers, bool (N, size); draws in [0, 1)."""
    start = (draws * (size - length + 1)).long()[:, None]
    place = torch.arange(size, device=draws.device)
    return (place >= start) & (place < start + length)
