"""Accuracy on images that get worse in steps: corrupted, or with a growing window hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.errors import FovealError, bad_parameter, unknown_name
from foveal.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    amount,
    check_channels,
    corrupt,
)
from foveal.evaluation.random_occlusion import occlude
from foveal.module_modes import eval_mode
from foveal.seeding import make_generator

OCCLUSION = "occlusion"
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
VALUES_AT_A_TIME = 2**18


# Arrays have no single truth of equality, so these compare by identity.
@dataclass(frozen=True, eq=False)
class Robustness:
    """Accuracies, as fractions, on `images` images: `clean`, and one under each of M conditions.

    `condition` (M,) holds names, `occlusion` first and then the corruptions; `severity` (M,) counts
    the steps of a condition from 1; `amount` (M,) is the hidden share of the image or the parameter of
    the corruption; `accuracy` is (M,).
    """

    images: int
    clean: float
    condition: npt.NDArray[np.str_]
    severity: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    def curve(self, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the severities of one condition and the accuracies, from severity 0, clean, on."""
        rows = self.condition == name
        if not rows.any():
            raise unknown_name("condition", name, dict.fromkeys(self.condition.tolist()))
        clean = np.array([self.clean])
        return np.append(0, self.severity[rows]), np.concatenate((clean, self.accuracy[rows]))


@dataclass(frozen=True)
class Condition:
    """One thing done to all images: a window of `amount` of the image, or a corruption."""

    name: str
    severity: int
    amount: float

    def apply(self, images: Tensor, *, fill: float | Tensor, generator: torch.Generator) -> Tensor:
        """Return the images as they look under this condition."""
        if self.name == OCCLUSION:
            return occlude(images, self.amount, fill=fill, generator=generator)
        return corrupt(images, self.name, self.severity, generator=generator)


@torch.no_grad()
def robustness(
    model: nn.Module,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    normalize: Callable[[Tensor], Tensor],
    fill: float | Tensor,
    seed: int = 0,
    batch_size: int = 500,
    occlusion: Sequence[float] = SHARES,
    kinds: Sequence[str] = CORRUPTIONS,
) -> Robustness:
    """Return the model's accuracy on clean, partly hidden and corrupted images.

    An image under a condition depends on (seed, condition, severity, index of the image) alone, bit by
    bit: not on the model or its device, the batch size or the other conditions. So all models that are
    called with one seed see the same images.

    Args:
        model: gives logits (B, K); it is in eval mode during the call and gets its modes back.
        images: uint8 (N, H, W, C), as data sets hold them.
        labels: (N,), in [0, K).
        normalize: from [0, 1] to what the model takes, both (B, C, H, W), on the model's device.
        fill: of the hidden window, in [0, 1]: a number, or a tensor that broadcasts to (C, 1, 1).
        seed: of noise and of the places of windows.
        batch_size: images at a time; memory grows with it and not with N.
        occlusion: the hidden shares of the image, in [0, 1]; the first is severity 1.
        kinds: the corruptions, of `CORRUPTIONS`, each at the severities 1 to 5.

    Raises:
        UsageError: for images or labels of another form, unknown kinds and shares outside [0, 1].
        FovealError: when the model returns a value that is not finite, or no logits.
    """
    labels = checked(images, labels, batch_size)
    conditions = conditions_of(occlusion, kinds, images.shape[1:])
    # Each stream runs through all images in their order, whatever the batches are.
    streams = [make_generator(seed, "robustness", at.name, at.severity) for at in conditions]
    like = next(model.parameters(), torch.empty(0))
    right = np.zeros(1 + len(conditions), dtype=np.int64)
    with eval_mode(model):
        for start in range(0, len(labels), batch_size):
            batch = in_image_space(images[start : start + batch_size])
            truth = labels[start : start + batch_size]
            each = versions(batch, conditions, streams, fill=fill)
            for row, (name, version) in enumerate(each):
                logits = model(normalize(version.to(like.device)))
                guess = predicted(logits, labels, first=start, count=len(truth), name=name)
                right[row] += (guess == truth).sum()
    return Robustness(
        images=len(labels),
        clean=float(right[0] / len(labels)),
        condition=np.array([at.name for at in conditions], dtype=np.str_),
        severity=np.array([at.severity for at in conditions], dtype=np.int64),
        amount=np.array([at.amount for at in conditions], dtype=np.float64),
        accuracy=right[1:] / len(labels),
    )


def conditions_of(
    occlusion: Sequence[float], kinds: Sequence[str], shape: tuple[int, ...]
) -> list[Condition]:
    """Return all conditions in order, for images of `shape` (H, W, C)."""
    for share in occlusion:
        if not 0 <= share <= 1:
            raise bad_parameter("occlusion", "shares in [0, 1]", share)
    if len(set(kinds)) < len(kinds):
        raise bad_parameter("kinds", "without repetition", kinds)
    found = [Condition(OCCLUSION, step, share) for step, share in enumerate(occlusion, start=1)]
    for kind in kinds:
        check_channels(kind, shape[2])
        for severity in range(1, SEVERITIES + 1):
            found.append(Condition(kind, severity, amount(kind, severity, (shape[0], shape[1]))))
    return found


def versions(
    batch: Tensor,
    conditions: Sequence[Condition],
    streams: Sequence[torch.Generator],
    *,
    fill: float | Tensor,
) -> Iterator[tuple[str, Tensor]]:
    """Yield the images as they are, and under each condition, each time in memory of their own."""
    yield "as it is", batch.clone()  # the model may write into what it gets
    # What fits in a cache is faster, and what is only passed through stays small beside the batch.
    parts = torch.split(batch, max(1, VALUES_AT_A_TIME // batch[0].numel()))
    for at, stream in zip(conditions, streams, strict=True):
        changed = [at.apply(part, fill=fill, generator=stream) for part in parts]
        yield f"under {at.name} of severity {at.severity}", torch.cat(changed)


def in_image_space(images: npt.NDArray[np.uint8]) -> Tensor:
    """Turn uint8 (B, H, W, C) into float32 (B, C, H, W) in [0, 1], on the CPU."""
    # A memory map is read-only, and torch warns of tensors over such memory: copy the slice.
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def predicted(
    logits: object, labels: npt.NDArray[np.int64], *, first: int, count: int, name: str
) -> npt.NDArray[np.int64]:
    """Return the class of the highest logit, (B,); refuse what cannot be logits for these labels."""
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != count:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise FovealError(
            f"The model should return logits of shape ({count}, K) for {count} images. Found {shape}."
        )
    if labels.max() >= logits.shape[1]:
        raise bad_parameter("labels", f"in [0, {logits.shape[1]})", int(labels.max()))
    bad = (~logits.isfinite()).any(1).nonzero()
    if len(bad):
        raise FovealError(
            f"The model returns a value that is not finite for image {first + int(bad[0])} {name}."
        )
    guess: npt.NDArray[np.int64] = logits.argmax(1).cpu().numpy()
    return guess


def checked(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], batch_size: int
) -> npt.NDArray[np.int64]:
    """Return the labels as int64, and refuse what does not fit together."""
    labels = np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        found = (images.shape, str(images.dtype))
        raise bad_parameter("images", "uint8, (N, H, W, C) and not empty", found)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        should_be = f"whole numbers of shape ({len(images)},)"
        raise bad_parameter("labels", should_be, (labels.shape, str(labels.dtype)))
    if labels.min() < 0:
        raise bad_parameter("labels", "at least 0", int(labels.min()))
    if batch_size < 1:
        raise bad_parameter("batch_size", "at least 1", batch_size)
    return labels.astype(np.int64, copy=False)
