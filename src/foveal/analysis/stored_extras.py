"""Extras stored with several runs, read by the name of the extra."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
