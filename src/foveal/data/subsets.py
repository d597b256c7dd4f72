"""Parts of a data set that every run of a study shares, whatever its seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from foveal.data.dataset import Split
from foveal.errors import bad_parameter
from foveal.seeding import make_generator


def hold_out(split: Split, size: int | None, validation: int) -> tuple[Split, Split | None]:
    """Return `size` training images (all that are left, if None) and `validation` others.

    The held-out images depend on `validation` alone, not on `size`.
    """
    check_sizes(size, validation, len(split))
    order = fixed_order(len(split))
    held_out = split.take(np.sort(order[len(split) - validation :])) if validation else None
    if size is None and validation:
        size = len(split) - validation
    return first_of(split, order, size), held_out


def subset(split: Split, size: int | None, name: str) -> Split:
    """Return `size` images of `split`, or all of them; `name` is the parameter that asked."""
    if size is not None and not 1 <= size <= len(split):
        raise bad_parameter(name, f"from 1 to {len(split)}", size)
    return first_of(split, fixed_order(len(split)), size)


def check_sizes(size: int | None, validation: int, available: int) -> None:
    """Raise unless that many images can be trained on and held out."""
    if not 0 <= validation < available:
        raise bad_parameter("validation", f"from 0 to {available - 1}", validation)
    left = available - validation
    if size is not None and not 1 <= size <= left:
        held = f" ({available} images, {validation} of them held out)" if validation else ""
        raise bad_parameter("train_size", f"from 1 to {left}{held}", size)


def fixed_order(count: int) -> npt.NDArray[np.int64]:
    """Return the one random order of `count` images from which every subset is taken."""
    order: npt.NDArray[np.int64] = torch.randperm(
        count, generator=make_generator(0, "subset")
    ).numpy()
    return order


def first_of(split: Split, order: npt.NDArray[np.int64], size: int | None) -> Split:
    """Return the first `size` images of `order`, as they stand in `split`."""
    if size is None or size == len(split):
        return split
    return split.take(np.sort(order[:size]))
