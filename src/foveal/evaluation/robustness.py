"""Robustness: accuracy on increasingly occluded or corrupted images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter, unknown_name
from foveal.evaluation.corruptions import (
    CORRUPTIONS,
    MAX_SEVERITY,
    corrupt_images,
    get_corruption_amount,
    require_channels,
)
from foveal.evaluation.random_occlusion import occlude_randomly
from foveal.module_modes import eval_mode
from foveal.seeding import make_generator
from foveal.validation import require_finite_logits, require_logits, require_positive_int

_OCCLUSION_NAME = "occlusion"
OCCLUSION_FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5)
_MAX_CHUNK_VALUES = 2**18


# Comparing arrays gives arrays, so this class compares by identity.
@dataclass(frozen=True, eq=False)
class Robustness:
    """Accuracy, as a fraction, on `images` clean images (`clean`) and under each of M conditions.

    `condition` (M,) contains names, first `occlusion`, then the corruptions. `severity` (M,) counts
    the steps of a condition from 1. `amount` (M,) is the hidden fraction of the image or the parameter
    of the corruption. `accuracy` is (M,).
    """

    images: int
    clean: float
    condition: npt.NDArray[np.str_]
    severity: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    def curve(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the severities of a condition and the accuracies, beginning with clean at severity 0."""
        rows = self.condition == name
        if not rows.any():
            raise unknown_name("condition", name, dict.fromkeys(self.condition.tolist()))
        clean = np.array([self.clean])
        return np.append(0, self.severity[rows]), np.concatenate((clean, self.accuracy[rows]))


@dataclass(frozen=True)
class _Condition:
    """One change applied to all images: occlusion of a fraction `amount`, or a corruption."""

    name: str
    severity: int
    amount: float

    def apply(self, images: Tensor, *, fill: float | Tensor, generator: torch.Generator) -> Tensor:
        """Return the images under this condition."""
        if self.name == _OCCLUSION_NAME:
            return occlude_randomly(images, self.amount, fill=fill, generator=generator)
        return corrupt_images(images, self.name, self.severity, generator=generator)


@torch.no_grad()
def measure_robustness(
    model: nn.Module,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    normalize: Callable[[Tensor], Tensor],
    fill: float | Tensor,
    seed: int = 0,
    batch_size: int = 500,
    occlusion: Sequence[float] = OCCLUSION_FRACTIONS,
    kinds: Sequence[str] = CORRUPTIONS,
) -> Robustness:
    """Return the model's accuracy on clean, partly occluded and corrupted images.

    An image under a condition depends bitwise on (seed, condition, severity, image index) only, not on
    the model, its device, the batch size or the other conditions. All models measured with the same
    seed therefore see the same images.

    Args:
        model: returns logits (B, K); runs in eval mode, and its modes are restored afterwards.
        images: uint8 (N, H, W, C), as in a data set.
        labels: (N,), in [0, K).
        normalize: maps images in [0, 1] to model inputs, both (B, C, H, W), on the model's device.
        fill: value of the hidden window, in [0, 1]: a number, or a tensor that broadcasts to (C, 1, 1).
        seed: seed of noise and window positions.
        batch_size: images per forward pass; memory grows with it, not with N.
        occlusion: hidden fractions of the image, in [0, 1]; the first is severity 1.
        kinds: corruptions, from `CORRUPTIONS`, each at severities 1 to 5.

    Raises:
        UsageError: images or labels of the wrong form, unknown kinds, or fractions outside [0, 1].
        FovealError: the model returns a non-finite value, or something other than logits.
    """
    labels = _require_images_and_labels(images, labels, batch_size)
    conditions = _list_conditions(occlusion, kinds, images.shape[1:])
    # One generator per condition for all images in order: draws are independent of the batch size.
    generators = [
        make_generator(seed, "robustness", condition.name, condition.severity)
        for condition in conditions
    ]
    parameter = next(model.parameters(), torch.empty(0))
    correct = np.zeros(1 + len(conditions), dtype=np.int64)
    with eval_mode(model):
        for start in range(0, len(labels), batch_size):
            batch = _to_float_images(images[start : start + batch_size])
            batch_labels = labels[start : start + batch_size]
            versions = _iterate_conditions(batch, conditions, generators, fill=fill)
            for row, (name, version) in enumerate(versions):
                logits = model(normalize(version.to(parameter.device)))
                predicted = _find_highest_logits(
                    logits, labels, start=start, count=len(batch_labels), condition=name
                )
                correct[row] += (predicted == batch_labels).sum()
    return Robustness(
        images=len(labels),
        clean=float(correct[0] / len(labels)),
        condition=np.array([condition.name for condition in conditions], dtype=np.str_),
        severity=np.array([condition.severity for condition in conditions], dtype=np.int64),
        amount=np.array([condition.amount for condition in conditions], dtype=np.float64),
        accuracy=correct[1:] / len(labels),
    )


def _list_conditions(
    occlusion: Sequence[float], kinds: Sequence[str], shape: tuple[int, ...]
) -> list[_Condition]:
    """Return all conditions in order, for images of `shape` (H, W, C)."""
    for fraction in occlusion:
        if not 0 <= fraction <= 1:
            raise bad_parameter("occlusion", "fractions in [0, 1]", fraction)
    if len(set(kinds)) < len(kinds):
        raise bad_parameter("kinds", "without repetition", kinds)
    conditions = [
        _Condition(_OCCLUSION_NAME, severity, fraction)
        for severity, fraction in enumerate(occlusion, start=1)
    ]
    for kind in kinds:
        require_channels(kind, shape[2])
        for severity in range(1, MAX_SEVERITY + 1):
            amount = get_corruption_amount(kind, severity, (shape[0], shape[1]))
            conditions.append(_Condition(kind, severity, amount))
    return conditions


def _iterate_conditions(
    batch: Tensor,
    conditions: Sequence[_Condition],
    generators: Sequence[torch.Generator],
    *,
    fill: float | Tensor,
) -> Iterator[tuple[str, Tensor]]:
    """Yield the clean batch and the batch under each condition, each with a name and new memory."""
    yield "without corruption", batch.clone()  # the model may write into its input
    # Small chunks fit into the cache, and their temporaries stay small.
    chunks = torch.split(batch, max(1, _MAX_CHUNK_VALUES // batch[0].numel()))
    for condition, generator in zip(conditions, generators, strict=True):
        changed = [condition.apply(chunk, fill=fill, generator=generator) for chunk in chunks]
        yield f"under {condition.name} of severity {condition.severity}", torch.cat(changed)


def _to_float_images(images: npt.NDArray[np.uint8]) -> Tensor:
    """Convert uint8 (B, H, W, C) to float32 (B, C, H, W) in [0, 1], on the CPU."""
    # Copy, because a memory map is read-only and PyTorch warns about such tensors.
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _find_highest_logits(
    logits: object, labels: npt.NDArray[np.int64], *, start: int, count: int, condition: str
) -> npt.NDArray[np.int64]:
    """Return the class with the highest logit for each of `count` images, (B,).

    Raises:
        UsageError: a label has no logit.
        FovealError: `logits` is not a tensor (count, K) of finite values.
    """
    valid_logits: Tensor = require_logits(logits, count)
    if labels.max() >= valid_logits.shape[1]:
        raise bad_parameter("labels", f"in [0, {valid_logits.shape[1]})", int(labels.max()))
    require_finite_logits(valid_logits, lambda row: f"image {start + row} {condition}")
    predicted: npt.NDArray[np.int64] = valid_logits.argmax(1).cpu().numpy()
    return predicted


def _require_images_and_labels(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], batch_size: int
) -> npt.NDArray[np.int64]:
    """Return the labels as int64; raise UsageError if an input is invalid."""
    labels = np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        found = (images.shape, str(images.dtype))
        raise bad_parameter("images", "uint8, (N, H, W, C) and not empty", found)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        should_be = f"whole numbers of shape ({len(images)},)"
        raise bad_parameter("labels", should_be, (labels.shape, str(labels.dtype)))
    if labels.min() < 0:
        raise bad_parameter("labels", "at least 0", int(labels.min()))
    require_positive_int("batch_size", batch_size)
    return labels.astype(np.int64, copy=False)
