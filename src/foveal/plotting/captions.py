"""Titles, units and captions of explanation figures, as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

SCORE_UNITS: Final = {
    "prob": "drop of the probability of the class",
    "logit": "drop of the logit of the class",
    "logprob": "drop of the log-probability of the class",
    "margin": "drop of the margin of the class",
    "relative": "drop of the probability, as a share of it",
}
_TARGET_NAMES: Final = {"label": "the true label", "pred": "each network's own prediction"}
RIGHT_MARK, WRONG_MARK = "\N{CHECK MARK}", "\N{BALLOT X}"

CLASS_MAP_CAPTION: Final = (
    "Each map is the mean over the n probe images of a class that every run classifies correctly, so that "
    "all variants are averaged over the same images."
)
GATE_CAPTION: Final = (
    "The upper rows show attention over positions, with one color scale per figure; a gate over positions "
    "and channels shows its mean over the channels. The bars show attention over channels, sorted by the "
    "mean over the images, and the band ranges from the smallest to the largest image."
)


def _format_panel_title(
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

    >>> _format_panel_title(3, 3, "cat", confidence=0.5, max_drop=0.2, votes=2, seeds=3)
    '✓ cat 2/3\np 0.50, drop 0.20'
    """
    mark = _format_prediction_mark(prediction, label)
    share = f" {votes}/{seeds}" if seeds > 1 else ""
    return f"{mark}{class_name}{share}\n{_format_confidence(confidence, max_drop)}"


def format_panel_titles(
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
        _format_panel_title(
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


def _format_prediction_mark(prediction: int, label: int | None) -> str:
    """Return the mark before a prediction: right, wrong, or empty without a label."""
    if label is None:
        return ""
    return f"{RIGHT_MARK} " if prediction == label else f"{WRONG_MARK} "


def _format_confidence(confidence: float, max_drop: float) -> str:
    """Return confidence and largest drop with two decimals, without a negative zero.

    >>> _format_confidence(0.5, -0.001)
    'p 0.50, drop 0.00'
    """
    return f"p {confidence:.2f}, drop {round(max_drop, 2) + 0.0:.2f}"


def format_occlusion_caption(
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
        "given classes" if target is None else _TARGET_NAMES.get(str(target), f"class {target}")
    )
    return (
        f"Occlusion sensitivity: window {window[0]} x {window[1]} px (drawn in the first image), stride "
        f"{stride[0]} x {stride[1]}, edge {edge}, fill {', '.join(fills)}, score {score}, target "
        f"{target_name}."
    )


def format_color_caption(limit: float) -> str:
    """Return the sentences that explain the colors of occlusion maps on one scale up to `limit`."""
    return (
        "Red: hiding this region lowers the score. Blue: hiding it raises the score. Gray: hiding it has no "
        "effect. Black line: half of the scale. All maps share one scale, up to the 99th percentile of "
        f"|value|, {limit:.3g}."
    )


def format_seeds(seeds: Mapping[str, Sequence[int]]) -> str:
    """Return the sentence that names the seeds of the means, from the seeds of each variant.

    >>> format_seeds({"none": [0], "cbam": [0]}), format_seeds({"none": [0, 1], "cbam": [0, 1]})
    ('Seed 0.', 'Means are over 2 seeds (0, 1).')
    """
    lists = {variant: ", ".join(map(str, numbers)) for variant, numbers in seeds.items()}
    if len(set(lists.values())) > 1:
        parts = "; ".join(f"{variant} {numbers}" for variant, numbers in lists.items())
        return f"Means are over the seeds of each variant ({parts})."
    variant = next(iter(seeds))
    if len(seeds[variant]) == 1:
        return f"Seed {lists[variant]}."
    return f"Means are over {len(seeds[variant])} seeds ({lists[variant]})."


def format_robustness_caption(
    image_count: int, shares: Sequence[float], *, has_several_seeds: bool
) -> str:
    """Return the caption of robustness curves; `shares` of the image are occluded."""
    percentages = ", ".join(f"{100 * share:g} %" for share in shares)
    seeds = (
        " Lines are means over the seeds, and bands show their range." if has_several_seeds else ""
    )
    return (
        f"Accuracy on the first {image_count} test images, the same for all variants. Severity 0 means the "
        f"original images. Occlusion hides a window of {percentages} of the image. The corruptions are those "
        f"of CIFAR-10-C or, above 64 px, of ImageNet-C.{seeds}"
    )
