"""The user's own data: the result of a user's function, validated before use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from foveal.data.dataset import Split
from foveal.data.decoded import DecodedData
from foveal.errors import UsageError
from foveal.user_imports import import_string


def load_user_data(path: str) -> DecodedData:
    """Import `package.module:callable`, call it and return its data with contiguous images.

    An exception raised by the callable is not caught.

    Raises:
        UsageError: the callable cannot be imported, or its data is invalid.
    """
    data: DecodedData = import_string(path)()
    require_user_data(data, path)
    return replace(data, train=_make_contiguous(data.train), test=_make_contiguous(data.test))


def require_user_data(data: object, path: str) -> None:
    """Raise UsageError, naming `path`, unless `data` can be used for training and testing."""
    if not isinstance(data, DecodedData):
        raise _make_user_data_error(path, "its result", "foveal.data.DecodedData", data)
    _require_classes(data.classes, path)
    for name in ("train", "test"):
        _require_split(getattr(data, name), len(data.classes), path, name)
    train, test = data.train.images, data.test.images
    if train.shape[1:] != test.shape[1:]:
        should_be = f"of images {train.shape[1:]} in height, width and channels, as `train` is"
        raise _make_user_data_error(path, "`test.images`", should_be, test)


def _require_classes(classes: object, path: str) -> None:
    """Raise UsageError unless `classes` is a tuple of different names."""
    names = classes if isinstance(classes, tuple) else ()
    are_names = all(isinstance(name, str) and name for name in names)
    if not names or not are_names or len({*names}) < len(names):
        raise _make_user_data_error(path, "`classes`", "a tuple of different names", repr(classes))


def _require_split(split: object, classes: int, path: str, name: str) -> None:
    """Raise UsageError unless `split` has valid images, labels below `classes` and valid columns."""
    if not isinstance(split, Split):
        raise _make_user_data_error(path, f"`{name}`", "a foveal.data.Split", split)
    images, labels = split.images, split.labels
    if not _is_array(images, np.uint8, 4) or not images.size:
        should_be = "a uint8 array (N, H, W, C) of at least one image"
        raise _make_user_data_error(path, f"`{name}.images`", should_be, images)
    if not _is_array(labels, np.int64, 1) or len(labels) != len(images):
        should_be = f"an int64 array ({len(images)},), one label per image"
        raise _make_user_data_error(path, f"`{name}.labels`", should_be, labels)
    if labels.min() < 0 or labels.max() >= classes:
        should_be = f"from 0 to {classes - 1}, as there are {classes} classes"
        raise _make_user_data_error(
            path, f"`{name}.labels`", should_be, f"{labels.min()} to {labels.max()}"
        )
    for column_name, column in split.columns.items():
        is_valid = isinstance(column, np.ndarray) and column.ndim and not column.dtype.hasobject
        if not is_valid or len(column) != len(images):
            should_be = f"an array of {len(images)} rows without Python objects"
            raise _make_user_data_error(
                path, f"`{name}.columns[{column_name!r}]`", should_be, column
            )


def _is_array(value: object, dtype: type[np.generic], dimensions: int) -> bool:
    """Return True if `value` is an array of this dtype and number of dimensions."""
    return isinstance(value, np.ndarray) and value.dtype == dtype and value.ndim == dimensions


def _make_user_data_error(path: str, part: str, should_be: str, found: object) -> UsageError:
    """Return the error for an invalid part of the data from `path`; arrays are shown by dtype and shape."""
    if isinstance(found, np.ndarray):
        found_text = f"{found.dtype} {found.shape}"
    else:
        found_text = found if isinstance(found, str) else type(found).__name__
    return UsageError(f"{path}: {part} should be {should_be}. Found {found_text}.")


def _make_contiguous(split: Split) -> Split:
    """Return the split with C-contiguous images, which batching needs."""
    return replace(split, images=np.ascontiguousarray(split.images))
