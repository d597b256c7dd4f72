"""Scores of a class from logits, and their drops under occlusion."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from foveal.errors import bad_parameter

_LOGITS_PER_BLOCK = (
    1 << 20
)  # number of logits whose scores are computed at once, in double precision


def _compute_margins(logits: Tensor) -> Tensor:
    """Return the difference between the logit of each class and the best other logit, (..., K)."""
    (first, second), (winner, _) = (part.unbind(-1) for part in logits.topk(2, dim=-1))
    classes = torch.arange(logits.shape[-1], device=logits.device)
    best_other = torch.where(classes == winner[..., None], second[..., None], first[..., None])
    return logits - best_other


def _compute_probabilities(logits: Tensor) -> Tensor:
    """Return the softmax, (..., K)."""
    return logits.softmax(-1)


def _compute_log_probabilities(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax, (..., K)."""
    return logits.log_softmax(-1)


SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "prob": _compute_probabilities,
    "logit": torch.Tensor.double,
    "logprob": _compute_log_probabilities,
    "margin": _compute_margins,
    "relative": _compute_probabilities,
}
"""Functions from logits (..., K) to the scores of all classes (..., K).

The drop of `relative` is the drop of the probability divided by the probability of the unoccluded image; it is
0 if that probability is 0.
"""


def require_score_for_outputs(score: str, outputs: int) -> None:
    """Raise a `UsageError` if a score compares classes and the model has only one output."""
    if outputs == 1 and score != "logit":
        raise bad_parameter("score", "`logit` for a model with one output", score)


def compute_drops(unoccluded: Tensor, occluded: Tensor, *, score: str) -> Tensor:
    """Return the drop of the score of each class under each window, (N, P, K).

    Args:
        unoccluded: logits of the unoccluded images, (N, K).
        occluded: logits under each window, (N, P, K).
        score: a key of `SCORES`.
    """
    compute_score = SCORES[score]
    before = compute_score(unoccluded.double())[:, None]
    under = compute_score(occluded.double())
    if score != "relative":
        return before - under
    return torch.where(before > 0, (before - under) / before, 0.0)


def compute_class_drops(logits: Tensor, classes: Tensor | None, *, score: str) -> Tensor:
    """Return the drop of the score of one class per image, float32 (N, P), or of all classes, (N, K, P).

    Args:
        logits: logits of each unoccluded image and under each window, (N, 1 + P, K).
        classes: (N,), or None for all classes.
        score: a key of `SCORES`.
    """
    blocks = []
    for images in _iterate_blocks(logits):
        drops = compute_drops(logits[images, 0], logits[images, 1:], score=score)
        if classes is None:
            blocks.append(drops.float().transpose(1, 2))  # (n, K, P)
        else:
            index = classes[images, None, None].expand(-1, drops.shape[1], 1)
            blocks.append(drops.gather(2, index)[..., 0].float())  # (n, P)
    return torch.cat(blocks)


def _iterate_blocks(logits: Tensor) -> Iterator[slice]:
    """Yield ranges of images (N, ...) whose scores are computed at once."""
    step = max(1, _LOGITS_PER_BLOCK // max(1, logits[0].numel()))
    for start in range(0, len(logits), step):
        yield slice(start, start + step)
