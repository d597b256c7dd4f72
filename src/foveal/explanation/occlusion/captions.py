"""What is written around a drawn map, and the picture below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from foveal.explanation.occlusion.fills import Normalization, require_normalization
from foveal.explanation.occlusion.windows import Windows
from foveal.plotting.captions import occlusion_caption, panel_title


def panel_titles(
    probabilities: Tensor,
    target: Tensor,
    fall: Tensor,
    *,
    labels: Tensor | None,
    classes: Sequence[str] | None,
) -> list[str]:
    """Say of each image what is predicted, how sure the network is of the target, and how far that falls.

    Args:
        probabilities: (N, K).
        target: the class of each map, (N,).
        fall: the largest drop of each map, (N,).
        labels: the true classes (N,), by which a prediction is marked right or wrong; None for no mark.
        classes: names; by default numbers.
    """
    rows = []
    true = [None] * len(target) if labels is None else labels.tolist()
    of_each = zip(probabilities, target.tolist(), fall.tolist(), true, strict=True)
    for p, wanted, drop, label in of_each:
        guess = int(p.argmax())
        name, sure = class_name(guess, classes), float(p[wanted])
        rows.append(panel_title(guess, label, name, confidence=sure, max_drop=drop))
    return rows


def class_name(label: int, classes: Sequence[str] | None) -> str:
    """Return the name of a class."""
    return str(label) if classes is None else classes[label]


def pictures_of(images: Tensor, normalization: Normalization | None) -> npt.NDArray[Any]:
    """Return images (N, C, H, W) as pictures (N, H, W, C) in [0, 1].

    Without their normalization they are stretched to that range if they lie outside it, and black if
    they have one value throughout.
    """
    pixels = images.detach().float().cpu()
    low, high = float(pixels.min()), float(pixels.max())
    known = require_normalization(normalization, images.shape[1])
    if known is not None:
        mean, std = known
        pixels = pixels * std + mean
    elif low < 0 or high > 1:
        pixels = (pixels - low) / ((high - low) or 1)
    return np.asarray(pixels.clamp(0, 1).permute(0, 2, 3, 1).numpy())


def caption_of(windows: Windows, *, fills: Sequence[str], score: str, target: object) -> str:
    """Return the caption with all settings of the sweep."""
    return occlusion_caption(
        window=windows.window,
        stride=windows.stride,
        edge=windows.edge,
        fills=fills,
        score=score,
        target=target if isinstance(target, str | int) else None,
    )
