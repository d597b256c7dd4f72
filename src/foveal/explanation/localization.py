"""Localization: how well maps point to objects with known masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import Float64Array, require_maps, to_float64_array

_Mask = npt.NDArray[np.bool_]

_RELATIVE_TOLERANCE = (
    1e-9  # of the largest value; pixels covered by the same windows differ by less
)


@dataclass(frozen=True, eq=False)
class LocalizationMeasure:
    """One measure of N images: `values` (N,), and the mean values of random maps, `chance_levels` (N,).

    Both are NaN for an excluded image.
    """

    values: Float64Array
    chance_levels: Float64Array

    @property
    def image_count(self) -> int:
        """Number of images with a value."""
        return int(np.isfinite(self.values).sum())

    @property
    def excluded_count(self) -> int:
        """Number of excluded images."""
        return len(self.values) - self.image_count

    @property
    def mean(self) -> float:
        """Mean over the images with a value, NaN without any."""
        return float(self.values[np.isfinite(self.values)].mean()) if self.image_count else np.nan

    @property
    def mean_chance_level(self) -> float:
        """Mean chance level of the images with a value, NaN without any."""
        has_value = np.isfinite(self.values)
        return float(self.chance_levels[has_value].mean()) if self.image_count else np.nan


@dataclass(frozen=True, eq=False)
class Localization:
    """Three measures of localization, each from 0 to 1."""

    pointing: LocalizationMeasure
    energy: LocalizationMeasure
    auc: LocalizationMeasure


def measure_localization(
    maps: npt.ArrayLike | Tensor, masks: npt.ArrayLike | Tensor, *, tolerance: float = 15 / 224
) -> Localization:
    """Compare maps (N, H, W) with object masks, bool (N, H, W), pixel by pixel.

    Pixels where the map is NaN are ignored, also in the chance level. An image without any remaining pixel
    in its mask is excluded from all measures. The measures, and the images that each excludes:

    * `pointing`, the pointing game: 1 if the highest pixel of the map is on the object or at most
      `tolerance` times the shorter side away from it, otherwise 0. If several pixels are highest, the share
      of them that hits; so a flat map has its chance level, which is the share of all pixels that would
      hit.
    * `energy`: the share of the positive part of the map that is on the object; chance is the object's
      share of the area. A map without a positive value is excluded; a flat positive map has its chance
      level.
    * `auc`: the area under the ROC curve for classifying object pixels by the map, the probability that an
      object pixel has a higher value than a pixel outside, with ties counted as one half. Chance, and the
      value of a flat map, is 0.5. Masks that cover everything are excluded.

    The chance levels assume maps whose values are equally likely at every position. Occlusion windows and
    objects in the center of images violate this; compare with `foveal.explanation.random_maps` if it matters.

    Args:
        maps: finite values or NaN, with high values for evidence.
        masks: true on the object.
        tolerance: Euclidean distance as a share of the shorter side, at least 0.

    Raises:
        UsageError: shapes differ, a value is infinite, masks are not boolean, or `tolerance` is negative.

    Source: Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop", the pointing game with
    15 pixels at 224; in the paper one of several highest pixels is used, and the share of hits is per class.
    Wang et al. 2020, "Score-CAM", the share of the energy, in the paper within a box.

    >>> result = measure_localization([[[0.0, 3.0], [1.0, 0.0]]], [[[False, True], [False, False]]])
    >>> result.pointing.mean, result.pointing.mean_chance_level, result.energy.mean, result.auc.mean
    (1.0, 0.25, 0.75, 1.0)
    """
    map_values, mask_values = require_maps(maps), _require_masks(masks)
    if map_values.shape != mask_values.shape:
        raise bad_parameter("masks", f"of the maps' shape {map_values.shape}", mask_values.shape)
    if np.isinf(map_values).any():
        raise bad_parameter("maps", "finite, or NaN for pixels without a value", np.inf)
    if not tolerance >= 0:
        raise bad_parameter("tolerance", "at least 0", tolerance)
    radius = tolerance * min(map_values.shape[1:])
    scores = np.full((6, len(map_values)), np.nan)  # value and chance level of each measure
    for index, (values, mask) in enumerate(zip(map_values, mask_values, strict=True)):
        has_value = ~np.isnan(values)
        if not (mask & has_value).any():
            continue
        is_hit = distance_transform_edt(~mask) <= radius + _RELATIVE_TOLERANCE
        pixels, on_object = values[has_value], mask[has_value]
        scores[:2, index] = _score_pointing(pixels, is_hit[has_value])
        scores[2:4, index] = _score_energy(pixels, on_object)
        scores[4:, index] = _score_auc(pixels, on_object)
    return Localization(*(LocalizationMeasure(*pair) for pair in scores.reshape(3, 2, -1)))


def _score_pointing(values: Float64Array, is_hit: _Mask) -> tuple[float, float]:
    """Return the share of the highest values (M,) that hit, and the share of all values as chance level."""
    is_highest = values >= values.max() - _RELATIVE_TOLERANCE * np.abs(values).max()
    return float(is_hit[is_highest].mean()), float(is_hit.mean())


def _score_energy(values: Float64Array, on_object: _Mask) -> tuple[float, float]:
    """Return the object's share of the positive part of values (M,), and of the area as chance level."""
    energy = values.clip(min=0)
    if not energy.any():
        return np.nan, np.nan
    energy /= energy.max()  # otherwise the sum of very large values would be infinite
    return float(energy[on_object].sum() / energy.sum()), float(on_object.mean())


def _score_auc(values: Float64Array, on_object: _Mask) -> tuple[float, float]:
    """Return the ROC-AUC of values (M,) from the rank sum of the object's pixels, and the chance level."""
    if on_object.all():
        return np.nan, np.nan
    positive = int(on_object.sum())
    above = rankdata(values)[on_object].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(values) - positive))), 0.5


def boxes_to_masks(boxes: npt.ArrayLike | Tensor, shape: tuple[int, int]) -> _Mask:
    """Return bool masks (N, H, W) from one box per image, (N, 4) as x0, y0, x1, y1 in pixels.

    Coordinates are along the edges of pixels, so the end is exclusive as in a slice, and (0, 0, W, H) is
    the whole image. With fractional coordinates, a pixel belongs to the box if its center does. Add 1 to
    x1 and y1 if the last pixel is included, as in torchvision's `masks_to_boxes`. Boxes are clipped to the
    image.

    Args:
        boxes: (N, 4), x1 >= x0 and y1 >= y0.
        shape: (H, W).

    Raises:
        UsageError: boxes have another shape or NaN, or an end is before its start.

    >>> boxes_to_masks([[1, 0, 3, 1]], (2, 4)).astype(int).tolist()
    [[[0, 1, 1, 0], [0, 0, 0, 0]]]
    """
    corners = to_float64_array(boxes)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise bad_parameter("boxes", "of shape (N, 4)", corners.shape)
    is_valid = (corners[:, 2:] >= corners[:, :2]).all(1)  # false for NaN too
    if not is_valid.all():
        should_be = "x0, y0, x1, y1 with x1 >= x0 and y1 >= y0"
        raise bad_parameter("boxes", should_be, corners[~is_valid][0].tolist())
    y, x = (np.arange(side) + 0.5 for side in shape)
    x0, y0, x1, y1 = corners.T[:, :, None]
    rows, columns = (y >= y0) & (y < y1), (x >= x0) & (x < x1)
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def _require_masks(masks: npt.ArrayLike | Tensor) -> _Mask:
    """Return masks as a boolean array; raise a `UsageError` for another dtype, such as class indices."""
    array = masks.cpu().numpy() if isinstance(masks, Tensor) else np.asarray(masks)
    if array.dtype != np.bool_:
        raise bad_parameter("masks", "boolean", str(array.dtype))
    return array
