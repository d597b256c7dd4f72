"""Restricted unpickling: only plain values and numpy arrays are allowed."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

# Globals in the pickle of an array, before and since numpy 2.
_RECONSTRUCT_ARRAY = np.empty(0).__reduce__()[0]
_ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT_ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT_ARRAY,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Unpickler that rejects every global except `_ALLOWED_GLOBALS`, so a file cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the allowed object `module.name`."""
        if (module, name) not in _ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return _ALLOWED_GLOBALS[module, name]


def load_restricted_pickle(content: bytes) -> Any:
    """Return the object pickled in `content`.

    Strings of Python 2 are read as Latin-1, which preserves every byte of an array.

    Raises:
        ValueError: the pickle is damaged or refers to a forbidden global.
    """
    try:
        return _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # damaged pickles raise nearly any exception
        raise ValueError(f"as a pickle, {error}") from error
