"""Random occlusion: one window of a given area fraction hidden in each image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.evaluation.corruptions import require_images
from foveal.validation import require_in_range


@torch.no_grad()
def occlude_randomly(
    images: Tensor, fraction: float, *, fill: float | Tensor, generator: torch.Generator
) -> Tensor:
    """Return a copy of images (N, C, H, W) with one window hidden in each.

    The window has the aspect ratio of the image and whole-pixel sides (`compute_window_size`). Every
    position inside the image is equally likely. Occluded pixels are replaced, not multiplied, so even
    NaN under the window has no effect. The position for each image is the next draw of the generator.
    With one CPU generator for all batches, the result is therefore independent of the batch size.

    Args:
        fraction: area of the window relative to the image; 0 hides nothing.
        fill: a number, or a tensor that broadcasts to (C, 1, 1).
        generator: source of the window positions.

    Raises:
        UsageError: `fraction` is outside [0, 1] or `fill` has the wrong shape.
    """
    require_images(images)
    height, width = compute_window_size((images.shape[2], images.shape[3]), fraction)
    color = torch.as_tensor(fill).to(images)
    try:
        color = color.expand(images.shape[1], 1, 1)
    except RuntimeError:
        should_be = f"a number or broadcastable to ({images.shape[1]}, 1, 1)"
        raise bad_parameter("fill", should_be, tuple(color.shape)) from None
    draws = torch.rand(
        len(images), 2, dtype=torch.float64, generator=generator, device=generator.device
    ).to(images.device)
    rows = _make_interval_mask(draws[:, 0], images.shape[2], height)
    columns = _make_interval_mask(draws[:, 1], images.shape[3], width)
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], color, images)


def compute_window_size(size: tuple[int, int], fraction: float) -> tuple[int, int]:
    """Return the (height, width) in px of the window that hides `fraction` of an image of `size` (H, W).

    The height is rounded first, and the width compensates for its rounding.

    >>> compute_window_size((32, 32), 0.3), compute_window_size((20, 40), 0.25)
    ((18, 17), (10, 20))
    >>> compute_window_size((32, 32), 0.0)
    (0, 0)
    """
    require_in_range("fraction", fraction, 0, 1)
    if fraction == 0:
        return 0, 0
    height = max(1, round(size[0] * math.sqrt(fraction)))
    return height, min(size[1], max(1, round(fraction * size[0] * size[1] / height)))


def _make_interval_mask(draws: Tensor, size: int, length: int) -> Tensor:
    """Return masks of one interval of `length` in `size` pixels, bool (N, size), from draws in [0, 1)."""
    start = (draws * (size - length + 1)).long()[:, None]
    index = torch.arange(size, device=draws.device)
    return (index >= start) & (index < start + length)
