"""Titles, units and captions of explanation figures, as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SCORE_UNITS: Final = {
    "prob": "drop of the probability of the class",
    "logit": "drop of the logit of the class",
    "logprob": "drop of the log-probability of the class",
    "margin": "drop of the margin of the class",
    "relative": "drop of the probability, as a share of it",
}
TARGET_NAMES: Final = {"label": "the true label", "pred": "each network's own prediction"}
RIGHT_MARK, WRONG_MARK = "\N{CHECK MARK}", "\N{BALLOT X}"


def panel_title(
    prediction: int,
    label: int | None,
    class_name: str,
    *,
    confidence: float,
    max_drop: float,
    votes: int = 1,
    seeds: int = 1,
) -> str:
    r"""Return the two-line title of a map: the prediction, then confidence and largest drop.

    Args:
        prediction: the predicted class.
        label: the true class, None if it is unknown; then the title has no mark.
        class_name: name of the predicted class.
        confidence: probability of the class that the map explains.
        max_drop: largest drop of the score in the map.
        votes: number of seeds with this prediction.
        seeds: number of seeds; the votes are written if there are several.

    >>> panel_title(3, 3, "cat", confidence=0.5, max_drop=0.2, votes=2, seeds=3)
    '✓ cat 2/3\np 0.50, drop 0.20'
    """
    share = f" {votes}/{seeds}" if seeds > 1 else ""
    second_line = confidence_text(confidence, max_drop)
    return f"{prediction_mark(prediction, label)}{class_name}{share}\n{second_line}"


def panel_titles(
    predictions: Sequence[int],
    class_names: Sequence[str],
    *,
    labels: Sequence[int] | None,
    confidences: Sequence[float],
    max_drops: Sequence[float],
    votes: Sequence[int] | None = None,
    seeds: int = 1,
) -> list[str]:
    """Return the title of the map of each of N images.

    Args:
        predictions: the predicted class of each image.
        class_names: the names of these N classes.
        labels: the true classes, None if they are unknown.
        confidences: probability of the class that each map explains.
        max_drops: largest drop of the score in each map.
        votes: number of seeds with each prediction.
        seeds: number of seeds.
    """
    return [
        panel_title(
            prediction,
            None if labels is None else labels[index],
            class_names[index],
            confidence=confidences[index],
            max_drop=max_drops[index],
            votes=1 if votes is None else votes[index],
            seeds=seeds,
        )
        for index, prediction in enumerate(predictions)
    ]


def prediction_mark(prediction: int, label: int | None) -> str:
    """Return the mark before a prediction: right, wrong, or empty without a label."""
    if label is None:
        return ""
    return f"{RIGHT_MARK} " if prediction == label else f"{WRONG_MARK} "


def confidence_text(confidence: float, max_drop: float) -> str:
    """Return confidence and largest drop with two decimals, without a negative zero.

    >>> confidence_text(0.5, -0.001)
    'p 0.50, drop 0.00'
    """
    return f"p {confidence:.2f}, drop {round(max_drop, 2) + 0.0:.2f}"


def occlusion_caption(
    *,
    window: tuple[int, int],
    stride: tuple[int, int],
    edge: str,
    fills: Sequence[str],
    score: str,
    target: str | int | None,
) -> str:
    """Return the caption with all settings of an occlusion sweep; target None means classes per image."""
    target_name = (
        "given classes" if target is None else TARGET_NAMES.get(str(target), f"class {target}")
    )
    return (
        f"Occlusion sensitivity: window {window[0]} x {window[1]} px (drawn in the first image), stride "
        f"{stride[0]} x {stride[1]}, edge {edge}, fill {', '.join(fills)}, score {score}, target "
        f"{target_name}. Red: hiding this lowers the score."
    )
