"""Fixed random subsets of a data set, shared by all runs of a study regardless of their seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from foveal.data.dataset import Split
from foveal.errors import bad_parameter
from foveal.seeding import make_generator


def hold_out_validation(
    split: Split, size: int | None, validation: int
) -> tuple[Split, Split | None]:
    """Return `size` training images (all remaining, if None) and `validation` held-out images.

    The held-out images depend on `validation` only, not on `size`.

    Raises:
        UsageError: the split has too few images.
    """
    require_valid_sizes(size, validation, len(split))
    order = _make_fixed_order(len(split))
    held_out = split.take(np.sort(order[len(split) - validation :])) if validation else None
    if size is None and validation:
        size = len(split) - validation
    return _take_first_images(split, order, size), held_out


def take_subset(split: Split, size: int | None, name: str) -> Split:
    """Return `size` images of `split`, or all if None; `name` is the parameter named in errors.

    Raises:
        UsageError: the split has fewer images.
    """
    if size is not None and not 1 <= size <= len(split):
        raise bad_parameter(name, f"from 1 to {len(split)}", size)
    return _take_first_images(split, _make_fixed_order(len(split)), size)


def require_valid_sizes(size: int | None, validation: int, available: int) -> None:
    """Raise UsageError unless `available` images suffice for training and validation."""
    if not 0 <= validation < available:
        raise bad_parameter("validation", f"from 0 to {available - 1}", validation)
    remaining = available - validation
    if size is not None and not 1 <= size <= remaining:
        note = f" ({available} images, {validation} of them held out)" if validation else ""
        raise bad_parameter("train_size", f"from 1 to {remaining}{note}", size)


def _make_fixed_order(count: int) -> npt.NDArray[np.int64]:
    """Return the random order of `count` images from which every subset is taken."""
    order: npt.NDArray[np.int64] = torch.randperm(
        count, generator=make_generator(0, "subset")
    ).numpy()
    return order


def _take_first_images(split: Split, order: npt.NDArray[np.int64], size: int | None) -> Split:
    """Return the first `size` images of `order`, in their order in `split`."""
    if size is None or size == len(split):
        return split
    return split.take(np.sort(order[:size]))
