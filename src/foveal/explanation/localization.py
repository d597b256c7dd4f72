"""Localization: whether a map points at what is known to be the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import Numbers, require_maps, to_float64_array

Mask = npt.NDArray[np.bool_]

RELATIVE_ROUNDING = 1e-9  # of the largest value: pixels that the same windows cover differ by less


@dataclass(frozen=True, eq=False)
class LocalizationMeasure:
    """One measure of N images: `values` (N,), and in `chance_levels` (N,) what a map of noise has on average.

    Both are NaN for an image that does not count.
    """

    values: Numbers
    chance_levels: Numbers

    @property
    def image_count(self) -> int:
        """How many images count."""
        return int(np.isfinite(self.values).sum())

    @property
    def excluded_count(self) -> int:
        """How many images do not count."""
        return len(self.values) - self.image_count

    @property
    def mean(self) -> float:
        """Mean over the images that count, NaN if none does."""
        return float(self.values[np.isfinite(self.values)].mean()) if self.image_count else np.nan

    @property
    def mean_chance_level(self) -> float:
        """Mean chance level of the images that count, NaN if none does."""
        return (
            float(self.chance_levels[np.isfinite(self.values)].mean())
            if self.image_count
            else np.nan
        )


@dataclass(frozen=True, eq=False)
class Localization:
    """How far maps find the object, by three measures; each lies between 0 and 1."""

    pointing: LocalizationMeasure
    energy: LocalizationMeasure
    auc: LocalizationMeasure


def localize(
    maps: npt.ArrayLike | Tensor, masks: npt.ArrayLike | Tensor, *, tolerance: float = 15 / 224
) -> Localization:
    """Compare maps (N, H, W) with masks of the object, bool (N, H, W), pixel by pixel.

    Pixels where the map is NaN have no value and are left out, on the side of chance too. An image
    whose mask has no pixel left counts nowhere. The measures, and the images that each excludes:

    * `pointing`, the pointing game: 1 if the highest pixel of the map lies on the object or at most
      `tolerance` times the shorter side away from it, else 0. If several pixels are highest, the share
      of them that hits; so a flat map counts at its chance level, which is the share of all pixels
      that would hit.
    * `energy`: the share of the map's positive part that lies on the object; chance is the object's
      share of the area. A map without a positive value has no such share and is excluded; a flat
      positive one counts at its chance level.
    * `auc`: the area under the ROC curve of telling the object's pixels by the map, the chance that one
      of them has a higher value than one outside, equals counting half. Chance, and a flat map, is 0.5.
      Masks that cover everything are excluded.

    Chance holds for maps whose values are as likely in one place as in another. The windows of an
    occlusion map and objects that stand in the middle both break that: hold against
    `foveal.explanation.random_maps` where it matters.

    Args:
        maps: finite numbers or NaN, high where the map says the evidence is.
        masks: true on the object.
        tolerance: share of the shorter side, at least 0; a distance on the pixel grid, Euclidean.

    Raises:
        UsageError: shapes differ, a value is infinite, masks are not boolean, `tolerance` is negative.

    Source: Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop", the pointing game with
    15 pixels at 224, where one of several highest pixels is taken and the share of hits is per class;
    Wang et al. 2020, "Score-CAM", the share of the energy, there in a box.

    >>> found = localize([[[0.0, 3.0], [1.0, 0.0]]], [[[False, True], [False, False]]])
    >>> found.pointing.mean, found.pointing.mean_chance_level, found.energy.mean, found.auc.mean
    (1.0, 0.25, 0.75, 1.0)
    """
    numbers, truth = require_maps(maps), require_masks(masks)
    if numbers.shape != truth.shape:
        raise bad_parameter("masks", f"of the maps' shape {numbers.shape}", truth.shape)
    if np.isinf(numbers).any():
        raise bad_parameter("maps", "finite, or NaN where there is no value", np.inf)
    if not tolerance >= 0:
        raise bad_parameter("tolerance", "at least 0", tolerance)
    radius = tolerance * min(numbers.shape[1:])
    rows = np.full((6, len(numbers)), np.nan)
    for row, (values, mask) in enumerate(zip(numbers, truth, strict=True)):
        valued = ~np.isnan(values)
        if not (mask & valued).any():
            continue
        near = distance_transform_edt(~mask) <= radius + RELATIVE_ROUNDING
        seen, inside = values[valued], mask[valued]
        rows[:2, row] = score_pointing(seen, near[valued])
        rows[2:4, row] = score_energy(seen, inside)
        rows[4:, row] = score_auc(seen, inside)
    return Localization(*(LocalizationMeasure(*pair) for pair in rows.reshape(3, 2, -1)))


def score_pointing(values: Numbers, near: Mask) -> tuple[float, float]:
    """Return the share of the highest values (M,) that hit, and of all."""
    highest = values >= values.max() - RELATIVE_ROUNDING * np.abs(values).max()
    return float(near[highest].mean()), float(near.mean())


def score_energy(values: Numbers, inside: Mask) -> tuple[float, float]:
    """Return the share of the positive part of values (M,) that lies inside, and of the area."""
    energy = values.clip(min=0)
    if not energy.any():
        return np.nan, np.nan
    energy /= energy.max()  # the sum of very large values would be infinite
    return float(energy[inside].sum() / energy.sum()), float(inside.mean())


def score_auc(values: Numbers, inside: Mask) -> tuple[float, float]:
    """Return the ROC-AUC of values (M,) by the rank sum of those inside, and that of chance."""
    if inside.all():
        return np.nan, np.nan
    positive = int(inside.sum())
    above = rankdata(values)[inside].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(values) - positive))), 0.5


def boxes_to_masks(boxes: npt.ArrayLike | Tensor, shape: tuple[int, int]) -> Mask:
    """Return bool masks (N, H, W) of one box an image, (N, 4) as x0, y0, x1, y1 in pixels.

    Boxes are measured along the edges of pixels, so their end is exclusive as in a slice and (0, 0, W, H)
    is the whole image; with fractions a pixel belongs to the box if its center does. Where the last
    pixel is included, as in torchvision's `masks_to_boxes`, add 1 to x1 and y1. What lies outside the
    image is cut off.

    Args:
        boxes: (N, 4), x1 >= x0 and y1 >= y0.
        shape: (H, W).

    Raises:
        UsageError: boxes of another shape, NaN, or an end before its start.

    >>> boxes_to_masks([[1, 0, 3, 1]], (2, 4)).astype(int).tolist()
    [[[0, 1, 1, 0], [0, 0, 0, 0]]]
    """
    corners = to_float64_array(boxes)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise bad_parameter("boxes", "of shape (N, 4)", corners.shape)
    right = (corners[:, 2:] >= corners[:, :2]).all(1)  # false for NaN too
    if not right.all():
        should_be = "x0, y0, x1, y1 with x1 >= x0 and y1 >= y0"
        raise bad_parameter("boxes", should_be, corners[~right][0].tolist())
    y, x = (np.arange(side) + 0.5 for side in shape)
    x0, y0, x1, y1 = corners.T[:, :, None]
    rows, columns = (y >= y0) & (y < y1), (x >= x0) & (x < x1)
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def require_masks(masks: npt.ArrayLike | Tensor) -> Mask:
    """Return masks as an array, refusing what is not boolean: a share or a class is no mask."""
    truth = masks.cpu().numpy() if isinstance(masks, Tensor) else np.asarray(masks)
    if truth.dtype != np.bool_:
        raise bad_parameter("masks", "boolean", str(truth.dtype))
    return truth
