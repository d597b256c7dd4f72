"""Faithfulness: whether the answer follows the pixels that a map ranks first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import (
    Numbers,
    check_finite,
    checked_logits,
    require_class_per_image,
    require_images,
    require_known_classes,
    require_maps,
)
from foveal.explanation.inputs import to_model
from foveal.explanation.occlusion.fills import broadcastable_fill, gaussian_blur
from foveal.module_modes import eval_mode

Counts = npt.NDArray[np.int64]

BLUR_SHARE = 1 / 8  # sigma as a share of the shorter side: shapes go, colors stay


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The probability of the label of N images as more and more pixels change, in S steps.

    `fractions` (S + 1,) are the shares of pixels that have changed, from 0 to 1. In `insertion`
    (N, S + 1) pixels of the image replace the fill, in `deletion` (N, S + 1) the fill replaces pixels of
    the image. The areas (N,) lie between 0 and 1; a faithful map has a large `insertion_area` and a
    small `deletion_area`. An area alone says little, as it also hangs on how sure the model is: hold
    it against that of `random_maps` on the same images.
    """

    fractions: Numbers
    insertion: Numbers
    deletion: Numbers

    @property
    def insertion_area(self) -> Numbers:
        """Area under each insertion curve, by the trapezoid rule, (N,)."""
        return np.asarray(np.trapezoid(self.insertion, self.fractions, axis=1))

    @property
    def deletion_area(self) -> Numbers:
        """Area under each deletion curve, by the trapezoid rule, (N,)."""
        return np.asarray(np.trapezoid(self.deletion, self.fractions, axis=1))


@torch.no_grad()
def measure_faithfulness(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int],
    maps: npt.ArrayLike | Tensor,
    *,
    fill: float | Sequence[float] | Tensor | None = None,
    steps: int = 32,
    chunk: int = 64,
) -> Faithfulness:
    """Insert and delete pixels in the order of each map, and see what the model says of the label.

    Pixels go from the highest value of the map to the lowest. Equal ones go by their position, row by
    row from the top left, so a flat map goes from the top down; pixels without a value (NaN) go last.
    After step s floor(s H W / S) pixels have changed. The model is in eval mode meanwhile and each of its
    modules is given back its own mode.

    Args:
        model: from (B, C, H, W) to logits (B, K); the probability is their softmax.
        images: (N, C, H, W), in the model's input space.
        labels: (N,), or any other class that the maps are about.
        maps: (N, H, W), high where the map says the evidence is.
        fill: what stands where a pixel is deleted or not yet inserted, in the model's input space: a
            number, one a channel, or a tensor broadcastable to the images. By default
            `gaussian_blur(images, side / 8)` of the shorter side. Take another one than that of the map:
            with the same one a map is judged by what it was made from. So a map made with the fill
            `blur` needs another than the default here.
        steps: S, from 1 to H W.
        chunk: images at a time. Besides the model and a blurred copy of the images, if that is the fill,
            memory goes by it alone.

    Raises:
        UsageError: a parameter has another shape or range than said here.
        FovealError: the model's output is not finite, or no (B, K).

    Source: Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    causal metrics. There insertion starts from a blurred image and deletion ends in a constant. Here one
    fill serves both, so that one curve starts where the other ends; for theirs, call twice. Pixels are
    chosen and never multiplied: what is hidden does not count, and were it infinite.
    """
    require_images(images)
    numbers, classes = require_maps(maps), require_class_per_image("labels", labels, len(images))
    if numbers.shape != (len(images), *images.shape[2:]):
        should_be = f"of shape (N, H, W) for images of shape {tuple(images.shape)}"
        raise bad_parameter("maps", should_be, numbers.shape)
    pixels = numbers[0].size
    if not 1 <= steps <= pixels:
        raise bad_parameter("steps", f"from 1 to the number of pixels {pixels}", steps)
    if chunk < 1:
        raise bad_parameter("chunk", "at least 1", chunk)
    images = images.detach()
    empty = expand_fill(images, fill)
    counts = pixels * np.arange(steps + 1) // steps
    with eval_mode(model):
        insertion, deletion = (
            compute_curve(model, before, after, classes, numbers, counts, chunk=chunk, name=name)
            for name, before, after in (("insertion", empty, images), ("deletion", images, empty))
        )
    return Faithfulness(counts / pixels, insertion, deletion)


def compute_curve(
    model: nn.Module,
    before: Tensor,
    after: Tensor,
    labels: Tensor,
    maps: Numbers,
    counts: Counts,
    *,
    chunk: int,
    name: str,
) -> Numbers:
    """Return the probability of the label once the first `counts` (S + 1,) pixels are from `after`."""
    shape = len(maps), len(counts)
    found = np.empty(shape)
    for start in range(0, found.size, chunk):
        every = np.arange(start, min(start + chunk, found.size))
        rows, steps = np.divmod(every, len(counts))
        places = rank_pixels(maps[rows[0] : rows[-1] + 1])
        changed = places[rows - rows[0]] < counts[steps][:, None, None]
        mask = torch.from_numpy(changed)[:, None].to(before.device)  # (B, 1, H, W)
        index = torch.from_numpy(rows).to(before.device)
        inputs = torch.where(mask, after[index], before[index])
        logits = checked_logits(model(to_model(model, inputs)), len(rows)).to("cpu", torch.float64)
        require_known_classes("labels", labels, logits.shape[1])
        check_finite(logits, lambda row: describe_step(row, counts, name), first=start)
        own = labels[rows]
        found.flat[every] = logits.softmax(1).gather(1, own[:, None])[:, 0].numpy()
    return found


def describe_step(row: int, counts: Counts, name: str) -> str:
    """Name the image and the step that a row of a curve is of."""
    image, step = divmod(row, len(counts))
    share = counts[step] / counts[-1]
    return f"image {image} at step {step} of {name}, with {share:.0%} of the pixels changed"


def rank_pixels(maps: Numbers) -> Counts:
    """Return when each pixel goes, from 0, (N, H, W): high values first, equals by position, NaN last."""
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")  # NaN is sorted last
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(order.shape[1])[None], axis=1)
    return places.reshape(maps.shape)


def expand_fill(images: Tensor, fill: float | Sequence[float] | Tensor | None) -> Tensor:
    """Return the fill in the shape of the images, as a view where it is smaller."""
    if fill is None:
        return gaussian_blur(images, min(images.shape[2:]) * BLUR_SHARE)
    return broadcastable_fill(fill, images).to(images).expand_as(images)
