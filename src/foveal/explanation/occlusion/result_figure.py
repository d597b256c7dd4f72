"""Figure of an occlusion result: the maps of all models over the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import require_images
from foveal.explanation.occlusion.fills import Normalization, require_normalization
from foveal.plotting import (
    MapColumn,
    compute_color_limit,
    draw_map_comparison,
    format_color_caption,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_maps(
    images: Tensor,
    maps: Mapping[str, Tensor],
    titles: Mapping[str, Sequence[str]],
    *,
    names: Sequence[str],
    unit: str,
    caption: str,
    window: tuple[int, int],
    normalization: Normalization | None,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw the maps (N, H, W) of all models over images (N, C, H, W); see `OcclusionResult.plot`.

    Args:
        images: the images of the sweep.
        maps: the maps of each model.
        titles: the title of each map, by model.
        names: the label of each image.
        unit: label of the color bar.
        caption: the settings of the sweep.
        window: size of the windows, (vertical, horizontal).
        normalization: mean and std with which the images were normalized.
        difference: names of two models whose difference becomes an extra column.
    """
    require_images(images)
    columns = [MapColumn(name, maps[name].numpy(), titles[name]) for name in maps]
    count, height, width = columns[0].maps.shape
    if (len(images), *images.shape[2:]) != (count, height, width):
        should_be = f"the images of the sweep, of shape ({count}, C, {height}, {width})"
        raise bad_parameter("images", should_be, tuple(images.shape))
    limit = compute_color_limit([column.maps for column in columns])
    return draw_map_comparison(
        to_pictures(images, normalization),
        columns,
        names=names,
        unit=unit,
        caption=f"{caption} {format_color_caption(limit)}",
        window=window,
        difference=difference,
        limit=limit,
    )


def to_pictures(images: Tensor, normalization: Normalization | None) -> npt.NDArray[Any]:
    """Return images (N, C, H, W) as pictures (N, H, W, C) in [0, 1].

    Without normalization, images outside of [0, 1] are stretched to that range. Images with a single value
    outside of [0, 1] become black.
    """
    pixels = images.detach().float().cpu()
    low, high = float(pixels.min()), float(pixels.max())
    mean_and_std = require_normalization(normalization, images.shape[1])
    if mean_and_std is not None:
        mean, std = mean_and_std
        pixels = pixels * std + mean
    elif low < 0 or high > 1:
        pixels = (pixels - low) / ((high - low) or 1)
    return np.asarray(pixels.clamp(0, 1).permute(0, 2, 3, 1).numpy())
