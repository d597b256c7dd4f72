"""Figure of an occlusion result: the maps of all models over the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from foveal.errors import UsageError, bad_parameter
from foveal.explanation.input_validation import require_images
from foveal.explanation.occlusion.fills import Normalization, require_normalization
from foveal.plotting import (
    SCORE_UNITS,
    MapColumn,
    compute_color_limit,
    draw_map_comparison,
    format_color_caption,
    format_panel_titles,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from foveal.explanation.occlusion.result import OcclusionResult


def draw_result(
    result: OcclusionResult,
    images: Tensor,
    *,
    classes: Sequence[str] | None,
    normalization: Normalization | None,
    difference: tuple[str, str] | None,
) -> Figure:
    """Draw the maps of all models side by side; see `OcclusionResult.plot`."""
    if isinstance(result.target, str) and result.target == "all":
        raise UsageError(
            "A figure shows one class per image. Run the sweep with another target than `all`."
        )
    require_images(images)
    height, width = result.windows.image_size
    if (len(images), *images.shape[2:]) != (result.image_count, height, width):
        should_be = (
            f"the images of the sweep, of shape ({result.image_count}, C, {height}, {width})"
        )
        raise bad_parameter("images", should_be, tuple(images.shape))
    columns = [
        MapColumn(name, result.map(name).numpy(), make_panel_titles(result, name, classes))
        for name in result.model_names
    ]
    limit = compute_color_limit([column.maps for column in columns])
    labels = [] if result.labels is None else result.labels.tolist()
    return draw_map_comparison(
        to_pictures(images, normalization),
        columns,
        names=[get_class_name(label, classes) for label in labels] or [""] * result.image_count,
        unit=SCORE_UNITS[result.score],
        caption=f"{result.caption} {format_color_caption(limit)}",
        window=result.windows.window,
        difference=difference,
        limit=limit,
    )


def make_panel_titles(
    result: OcclusionResult, model: str, classes: Sequence[str] | None
) -> list[str]:
    """Return the title of each map of a model: prediction, confidence and largest drop."""
    predictions = result.probabilities(model).argmax(1).tolist()
    return format_panel_titles(
        predictions,
        [get_class_name(prediction, classes) for prediction in predictions],
        labels=None if result.labels is None else result.labels.tolist(),
        confidences=result.confidence(model).tolist(),
        max_drops=result.grid(model).flatten(1).amax(1).tolist(),
    )


def get_class_name(label: int, classes: Sequence[str] | None) -> str:
    """Return the name of a class, or its number without names."""
    return str(label) if classes is None else classes[label]


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
