"""The user's own data: what a function of theirs returns, checked before it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foveal.data.dataset import Split
from foveal.data.decoded import Content
from foveal.errors import UsageError
from foveal.user_imports import import_string


def imported_content(path: str) -> Content:
    """Import `package.module:callable` and return the content that it makes.

    What the callable itself raises is left as it is.
    """
    content: Content = import_string(path)()
    check_content(content, path)
    # The batches take whole rows of memory, which a transposed array has not.
    return replace(content, train=in_rows(content.train), test=in_rows(content.test))


def check_content(content: object, path: str) -> None:
    """Raise UsageError, naming `path`, unless `content` can be trained and tested on."""
    if not isinstance(content, Content):
        raise unfit(path, "what it returns", "foveal.data.Content", content)
    check_classes(content.classes, path)
    for name in ("train", "test"):
        check_split(getattr(content, name), len(content.classes), path, name)
    train, test = content.train.images, content.test.images
    if train.shape[1:] != test.shape[1:]:
        should_be = f"of images {train.shape[1:]} in height, width and channels, as `train` is"
        raise unfit(path, "`test.images`", should_be, test)


def check_classes(classes: object, path: str) -> None:
    """Raise unless `classes` are names that tell the classes apart."""
    names = classes if isinstance(classes, tuple) else ()
    if not names or not all(isinstance(n, str) and n for n in names) or len({*names}) < len(names):
        raise unfit(path, "`classes`", "a tuple of names, each another", repr(classes))


def check_split(split: object, classes: int, path: str, name: str) -> None:
    """Raise unless `split` holds images, a label below `classes` for each, and whole columns."""
    if not isinstance(split, Split):
        raise unfit(path, f"`{name}`", "a foveal.data.Split", split)
    images, labels = split.images, split.labels
    if not is_array(images, np.uint8, 4) or not images.size:
        should_be = "a uint8 array (N, H, W, C) of at least one image"
        raise unfit(path, f"`{name}.images`", should_be, images)
    if not is_array(labels, np.int64, 1) or len(labels) != len(images):
        should_be = f"an int64 array ({len(images)},), a label an image"
        raise unfit(path, f"`{name}.labels`", should_be, labels)
    if labels.min() < 0 or labels.max() >= classes:
        should_be = f"from 0 to {classes - 1}, as there are {classes} classes"
        raise unfit(path, f"`{name}.labels`", should_be, f"{labels.min()} to {labels.max()}")
    for detail, column in split.details.items():
        whole = isinstance(column, np.ndarray) and column.ndim and not column.dtype.hasobject
        if not whole or len(column) != len(images):
            should_be = f"an array of {len(images)} rows, and none of Python objects"
            raise unfit(path, f"`{name}.details[{detail!r}]`", should_be, column)


def is_array(value: object, dtype: type[np.generic], dimensions: int) -> bool:
    """Tell whether `value` is an array of that type and number of dimensions."""
    return isinstance(value, np.ndarray) and value.dtype == dtype and value.ndim == dimensions


def unfit(path: str, part: str, should_be: str, found: object) -> UsageError:
    """Return the error for a part of what `path` gave; an array is told by type and shape."""
    if isinstance(found, np.ndarray):
        told = f"{found.dtype} {found.shape}"
    else:
        told = found if isinstance(found, str) else type(found).__name__
    return UsageError(f"{path}: {part} should be {should_be}. Found {told}.")


def in_rows(split: Split) -> Split:
    """Return the split with its images contiguous in memory."""
    return replace(split, images=np.ascontiguousarray(split.images))
