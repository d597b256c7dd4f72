"""What every explanation refuses: images, labels, maps and answers of a model that do not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foveal.errors import FovealError, bad_parameter

Numbers = npt.NDArray[np.float64]


def require_images(images: object) -> None:
    """Refuse what are no images (N, C, H, W)."""
    tensor = images if isinstance(images, Tensor) else torch.empty(0)
    if tensor.ndim != 4 or not tensor.is_floating_point() or not tensor.numel():
        found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise bad_parameter("images", "floats of shape (N, C, H, W), at least one image", found)


def require_class_per_image(name: str, classes: Tensor | Sequence[int], count: int) -> Tensor:
    """Return one class for each image, int64 (N,), on the CPU."""
    found = torch.as_tensor(classes).cpu()
    if found.shape != (count,) or found.is_floating_point() or found.is_complex():
        raise bad_parameter(name, f"whole numbers, one for each of {count} images", classes)
    return found.long()


def require_known_classes(name: str, classes: Tensor | int, count: int) -> None:
    """Refuse classes that a model with `count` of them has no logit for."""
    given = torch.as_tensor(classes).view(-1)
    wrong = given[(given < 0) | (given >= count)]
    if len(wrong):
        should_be = f"classes from 0 to {count - 1}, those of the model"
        raise bad_parameter(name, should_be, int(wrong[0]))


def require_maps(maps: npt.ArrayLike | Tensor) -> Numbers:
    """Return maps as float64 (N, H, W), refusing other shapes and none at all."""
    numbers = to_float64_array(maps)
    if numbers.ndim != 3 or not numbers.size:
        raise bad_parameter("maps", "of shape (N, H, W), at least one", numbers.shape)
    return numbers


def to_float64_array(values: npt.ArrayLike | Tensor) -> Numbers:
    """Return numbers from anywhere as a float64 array."""
    if isinstance(values, Tensor):
        return np.asarray(values.detach().to("cpu", torch.float64).numpy())
    return np.asarray(values, np.float64)


def checked_logits(answer: object, count: int) -> Tensor:
    """Return what a model said of `count` images, refusing what are no logits (count, K)."""
    if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != count:
        found = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
        raise FovealError(
            f"The model should return logits of shape ({count}, K) for {count} images. Found {found}."
        )
    return answer


def check_finite(logits: Tensor, name: Callable[[int], str], *, first: int = 0) -> None:
    """Refuse logits (M, K) that are not finite, and name what the first such row is of.

    Rows count from `first` on.
    """
    bad = (~logits.isfinite()).any(1).nonzero()
    if len(bad):
        row = first + int(bad[0])
        raise FovealError(f"The model returns a value that is not finite for {name(row)}.")
