"""Data of a study in words: kind and size of the images, classes, numbers of images."""

from __future__ import annotations

from typing import Final

from foveal.analysis.display_names import format_data_name
from foveal.records import RunRecord
from foveal.variant_names import split_variant

_SCENES: Final = "scenes"
_DEFAULT_SIDE: Final = 32


def describe_data(run: RunRecord) -> str:
    """Return the data of a finished run in words.

    For example `synthetic images, 16 × 16 pixels, 10 classes, 4,000 for training and 1,000 for testing`.
    The number of training images is left out if the run trains on all of them.
    """
    data = str(run.config.get("data") or run.results["data"])
    kind = f"{format_data_name(data)} images"
    if format_data_name(data) == _SCENES:
        side = split_variant(data)[1].get("size", _DEFAULT_SIDE)
        kind = f"synthetic images, {side} × {side} pixels"
    counts = f"{len(run.predictions['labels']):,} for testing"
    if run.config.get("train_size"):
        counts = f"{run.config['train_size']:,} for training and {counts}"
    return f"{kind}, {len(run.results['classes'])} classes, {counts}"
