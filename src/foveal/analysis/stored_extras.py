"""Extras stored with several runs, read by the name of the extra."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from foveal.records import Arrays, read_extra

VariantExtra = tuple[str, Arrays | None]
"""The variant of a run, and the arrays of one extra of the run, or None if the run has not stored it."""


def read_stored_extras(runs: Iterable[tuple[str, Path]], extra: str) -> list[VariantExtra]:
    """Read one extra of several runs.

    Args:
        runs: variant and folder of each run.
        extra: name of the extra, for example `occlusion`.
    """
    return [(variant, read_extra(folder, extra)) for variant, folder in runs]


def group_comparable_extras(
    extras: Sequence[VariantExtra], equal_arrays: Sequence[str]
) -> dict[str, list[Arrays]]:
    """Return the arrays of each run by variant; empty if the runs cannot be compared.

    Runs can be compared if each has stored the extra and `equal_arrays` are the same in all of them.
    """
    first = next((arrays for _, arrays in extras), None)
    groups: dict[str, list[Arrays]] = {}
    for variant, arrays in extras:
        if arrays is None or first is None:
            return {}
        if not all(np.array_equal(arrays[name], first[name]) for name in equal_arrays):
            return {}
        groups.setdefault(variant, []).append(arrays)
    return groups
