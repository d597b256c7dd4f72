"""Pickles that hold nothing but plain values and numpy arrays."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

# What numpy names in the pickle of an array, before and since its version 2.
RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class PlainUnpickler(pickle.Unpickler):
    """Refuses every name but those of `ALLOWED`, so that reading runs no code of the file's."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what `module.name` stands for."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return ALLOWED[module, name]


def load_plain(content: bytes) -> Any:
    """Return what the pickle `content` holds; raises ValueError if it is damaged or asks for more.

    Strings of Python 2 are read as Latin-1, which leaves every byte of an array as it was.
    """
    try:
        return PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # damaged pickles raise nearly anything
        raise ValueError(f"as a pickle, {error}") from error
