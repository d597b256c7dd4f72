"""What a window's logits say of a class; each score falls where the window hid evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from foveal.errors import bad_parameter

LOGITS_PER_BLOCK = 1 << 20  # logits from which scores are computed at once, in double precision


def compute_margins(logits: Tensor) -> Tensor:
    """Return by how much each class leads the best of the others, (..., K)."""
    (first, second), (winner, _) = (part.unbind(-1) for part in logits.topk(2, dim=-1))
    classes = torch.arange(logits.shape[-1], device=logits.device)
    best_other = torch.where(classes == winner[..., None], second[..., None], first[..., None])
    return logits - best_other


def compute_probabilities(logits: Tensor) -> Tensor:
    """Return the softmax, (..., K)."""
    return logits.softmax(-1)


def compute_log_probabilities(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax, (..., K)."""
    return logits.log_softmax(-1)


SCORES: dict[str, Callable[[Tensor], Tensor]] = {
    "prob": compute_probabilities,
    "logit": torch.Tensor.double,
    "logprob": compute_log_probabilities,
    "margin": compute_margins,
    "relative": compute_probabilities,
}
"""The scores of all classes (..., K), from logits (..., K). `relative` is a probability whose drop is
given as a share of what it was, 0 where that was 0."""


def require_score_for_outputs(score: str, outputs: int) -> None:
    """Refuse a score that holds a class against others where there are none."""
    if outputs == 1 and score != "logit":
        raise bad_parameter("score", "`logit` for a model with one output", score)


def compute_drops(plain: Tensor, occluded: Tensor, *, score: str) -> Tensor:
    """Return by how much the score of each class falls in each window, (N, P, K).

    Args:
        plain: logits of the images as they are, (N, K).
        occluded: logits under each window, (N, P, K).
        score: a key of `SCORES`.
    """
    of = SCORES[score]
    before, under = of(plain.double())[:, None], of(occluded.double())
    if score != "relative":
        return before - under
    return torch.where(before > 0, (before - under) / before, 0.0)


def compute_class_drops(logits: Tensor, classes: Tensor | None, *, score: str) -> Tensor:
    """Return by how much the score of each image's class falls, float32 (N, P); of all, (N, K, P).

    Args:
        logits: of each image as it is and under each window, (N, 1 + P, K).
        classes: (N,), or None for all.
        score: a key of `SCORES`.
    """
    found = []
    for rows in iterate_blocks(logits):
        fall = compute_drops(logits[rows, 0], logits[rows, 1:], score=score)
        if classes is None:
            found.append(fall.float().transpose(1, 2))  # (n, K, P)
        else:
            at = classes[rows, None, None].expand(-1, fall.shape[1], 1)
            found.append(fall.gather(2, at)[..., 0].float())  # (n, P)
    return torch.cat(found)


def iterate_blocks(logits: Tensor) -> Iterator[slice]:
    """Yield ranges of images (N, ...) whose scores are computed at once."""
    step = max(1, LOGITS_PER_BLOCK // max(1, logits[0].numel()))
    for start in range(0, len(logits), step):
        yield slice(start, start + step)
