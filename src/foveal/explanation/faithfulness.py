"""Faithfulness: how much the prediction depends on the pixels that a map ranks highest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import (
    Float64Array,
    move_to_model,
    require_class_per_image,
    require_images,
    require_known_classes,
    require_maps,
)
from foveal.explanation.occlusion.fills import gaussian_blur, make_fill_broadcastable
from foveal.module_modes import eval_mode
from foveal.validation import require_finite_logits, require_logits, require_positive_int

_PixelCounts = npt.NDArray[np.int64]

_BLUR_SHARE = 1 / 8  # sigma as a share of the shorter side: removes shapes, keeps colors


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Probability of the label of N images while more and more pixels change, in S steps.

    `fractions` (S + 1,) are the shares of changed pixels, from 0 to 1. In `insertion` (N, S + 1), pixels of
    the image replace the fill; in `deletion` (N, S + 1), the fill replaces pixels of the image. The areas
    (N,) are between 0 and 1; a faithful map has a large `insertion_area` and a small `deletion_area`. The
    areas also depend on the confidence of the model, so compare them with those of `random_maps` for the
    same images.
    """

    fractions: Float64Array
    insertion: Float64Array
    deletion: Float64Array

    @property
    def insertion_area(self) -> Float64Array:
        """Area under each insertion curve by the trapezoid rule, (N,)."""
        return np.asarray(np.trapezoid(self.insertion, self.fractions, axis=1))

    @property
    def deletion_area(self) -> Float64Array:
        """Area under each deletion curve by the trapezoid rule, (N,)."""
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
    """Insert and delete pixels in the order of each map, and record the probability of the label.

    Pixels change from the highest value of the map to the lowest. Pixels with equal values change row by
    row from the top left, so a flat map is processed from top to bottom; pixels without a value (NaN)
    change last. After step s, floor(s H W / S) pixels have changed. The model is in eval mode during the
    call; afterwards each module has its previous mode.

    Args:
        model: from (B, C, H, W) to logits (B, K); the probability is their softmax.
        images: (N, C, H, W), in the model's input space.
        labels: the class that each map explains, (N,).
        maps: (N, H, W), with high values for evidence.
        fill: value of deleted pixels and of pixels not yet inserted, in the model's input space: a number,
            one number per channel, or a tensor broadcastable to the images. The default is
            `gaussian_blur(images, side / 8)` with the shorter side. Use another fill than the map was made
            with, because a map is biased towards its own fill. Occlusion maps made with the fill `blur`
            need another fill than the default here.
        steps: S, from 1 to H W.
        chunk: number of images per pass. Memory use depends only on the model, on `chunk`, and on the
            blurred copy of the images if that is the fill.

    Raises:
        UsageError: a parameter has another shape or range than described here.
        FovealError: the output of the model is not finite, or its shape is not (B, K).

    Source: Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    causal metrics. In the paper, insertion starts from a blurred image and deletion ends in a constant. Here
    one fill serves both, so that each curve starts where the other ends; for the paper's metrics, call
    twice. Pixels are selected and never multiplied, so even inf/NaN in a replaced pixel has no effect.
    """
    require_images(images)
    map_values = require_maps(maps)
    classes = require_class_per_image("labels", labels, len(images))
    if map_values.shape != (len(images), *images.shape[2:]):
        should_be = f"of shape (N, H, W) for images of shape {tuple(images.shape)}"
        raise bad_parameter("maps", should_be, map_values.shape)
    pixels = map_values[0].size
    if not 1 <= steps <= pixels:
        raise bad_parameter("steps", f"from 1 to the number of pixels {pixels}", steps)
    require_positive_int("chunk", chunk)
    images = images.detach()
    filled = _expand_fill(images, fill)
    counts = pixels * np.arange(steps + 1) // steps
    with eval_mode(model):
        insertion, deletion = (
            _compute_curve(
                model, before, after, classes, map_values, counts, chunk=chunk, name=name
            )
            for name, before, after in (("insertion", filled, images), ("deletion", images, filled))
        )
    return Faithfulness(counts / pixels, insertion, deletion)


def _compute_curve(
    model: nn.Module,
    before: Tensor,
    after: Tensor,
    labels: Tensor,
    maps: Float64Array,
    counts: _PixelCounts,
    *,
    chunk: int,
    name: str,
) -> Float64Array:
    """Return the probability of the label if the first `counts` (S + 1,) pixels are from `after`, (N, S + 1).

    `name` is the name of the curve in error messages.
    """
    curve = np.empty((len(maps), len(counts)))
    for start in range(0, curve.size, chunk):
        positions = np.arange(start, min(start + chunk, curve.size))
        indices, steps = np.divmod(positions, len(counts))
        ranks = _rank_pixels(maps[indices[0] : indices[-1] + 1])
        is_changed = ranks[indices - indices[0]] < counts[steps][:, None, None]
        mask = torch.from_numpy(is_changed)[:, None].to(before.device)  # (B, 1, H, W)
        image_indices = torch.from_numpy(indices).to(before.device)
        inputs = torch.where(mask, after[image_indices], before[image_indices])
        logits = require_logits(model(move_to_model(model, inputs)), len(indices))
        logits = logits.to("cpu", torch.float64)
        require_known_classes("labels", labels, logits.shape[1])
        describe = partial(_format_step_location, first=start, counts=counts, name=name)
        require_finite_logits(logits, describe)
        probabilities = logits.softmax(1).gather(1, labels[indices][:, None])
        curve.flat[positions] = probabilities[:, 0].numpy()
    return curve


def _format_step_location(row: int, *, first: int, counts: _PixelCounts, name: str) -> str:
    """Return the image and the step of a row of logits, for error messages.

    `first` is the position of row 0 in the flattened curves.
    """
    image, step = divmod(first + row, len(counts))
    share = counts[step] / counts[-1]
    return f"image {image} at step {step} of {name}, with {share:.0%} of the pixels changed"


def _rank_pixels(maps: Float64Array) -> _PixelCounts:
    """Return the rank of each pixel from 0, (N, H, W): high values first, ties by position, NaN last."""
    order = np.argsort(-maps.reshape(len(maps), -1), axis=1, kind="stable")  # NaN is sorted last
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(order.shape[1])[None], axis=1)
    return ranks.reshape(maps.shape)


def _expand_fill(images: Tensor, fill: float | Sequence[float] | Tensor | None) -> Tensor:
    """Return the fill in the shape of the images, as a view if it is smaller."""
    if fill is None:
        return gaussian_blur(images, min(images.shape[2:]) * _BLUR_SHARE)
    return make_fill_broadcastable(fill, images).to(images).expand_as(images)
