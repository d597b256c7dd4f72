"""Validation of images, classes and maps, and conversion of images to the device and dtype of a model.

Checks of model outputs are in `foveal.validation`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter

Float64Array = npt.NDArray[np.float64]


def require_images(images: object) -> Tensor:
    """Return `images` if they are a non-empty float tensor (N, C, H, W); otherwise raise a `UsageError`."""
    tensor = images if isinstance(images, Tensor) else torch.empty(0)
    if tensor.ndim != 4 or not tensor.is_floating_point() or not tensor.numel():
        found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise bad_parameter("images", "floats of shape (N, C, H, W), at least one image", found)
    return tensor


def require_class_per_image(name: str, classes: Tensor | Sequence[int], count: int) -> Tensor:
    """Return the classes of `count` images as int64 (N,) on the CPU; otherwise raise a `UsageError`."""
    tensor = torch.as_tensor(classes).cpu()
    if tensor.shape != (count,) or tensor.is_floating_point() or tensor.is_complex():
        raise bad_parameter(name, f"integers, one for each of {count} images", classes)
    return tensor.long()


def require_known_classes(name: str, classes: Tensor | int, class_count: int) -> None:
    """Raise a `UsageError` if a class is not from 0 to `class_count` - 1."""
    flat = torch.as_tensor(classes).view(-1)
    unknown = flat[(flat < 0) | (flat >= class_count)]
    if len(unknown):
        should_be = f"classes of the model, from 0 to {class_count - 1}"
        raise bad_parameter(name, should_be, int(unknown[0]))


def require_maps(maps: npt.ArrayLike | Tensor) -> Float64Array:
    """Return maps as a non-empty float64 array (N, H, W); otherwise raise a `UsageError`."""
    array = to_float64_array(maps)
    if array.ndim != 3 or not array.size:
        raise bad_parameter("maps", "of shape (N, H, W), at least one map", array.shape)
    return array


def to_float64_array(values: npt.ArrayLike | Tensor) -> Float64Array:
    """Return values as a float64 array; tensors are detached and copied to the CPU."""
    if isinstance(values, Tensor):
        return np.asarray(values.detach().to("cpu", torch.float64).numpy())
    return np.asarray(values, np.float64)


def move_to_model(model: nn.Module, images: Tensor) -> Tensor:
    """Return images on the device and in the dtype of the model's first floating-point parameter.

    Without such a parameter, return the images unchanged.

    >>> move_to_model(nn.Linear(1, 1).bfloat16(), torch.rand(1, 1)).dtype
    torch.bfloat16
    """
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    return images if first is None else images.to(first.device, first.dtype)
