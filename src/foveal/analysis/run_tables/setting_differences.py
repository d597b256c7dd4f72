"""Suspicions about runs of another program that differ in more than the variant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Final

from foveal.analysis.run_tables.found_run import EPOCH_SETTINGS, FoundRun, find_setting
from foveal.analysis.run_tables.run_identity import MODEL_SETTINGS
from foveal.stats.value_checks import Suspicion
from foveal.text_format import join_first

_DATA: Final = ("data", "dataset", "data_set", "dataset_name")
_MODEL: Final = "model"
_QUANTITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "epochs": EPOCH_SETTINGS,
    "data": _DATA,
    "batch size": ("batch", "batch_size", "train_batch_size", "per_device_train_batch_size"),
    "image size": ("imgsz", "image_size", "img_size"),
    _MODEL: MODEL_SETTINGS,
}
_MAX_NAMED: Final = 3


def find_setting_differences(
    runs: Sequence[FoundRun], variants: Sequence[str], *, variant_setting: str
) -> list[Suspicion]:
    """Return a suspicion for each of epochs, data, batch size, image size and model in which runs differ.

    A model may have the name of its variant in its own, as `yolov8n-cbam.yaml`.

    Args:
        runs: the runs of one data set.
        variants: variant of each run.
        variant_setting: setting that the variants are; it may differ.
    """
    suspicions = []
    for quantity, names in _QUANTITIES.items():
        keys = [find_setting(run.settings, names) for run in runs]
        if None in keys or (variant_setting and variant_setting in keys):
            continue
        values = [
            PurePath(str(run.settings[key])).name
            for run, key in zip(runs, keys, strict=True)
            if key is not None
        ]
        if quantity == _MODEL:
            stems = [
                _remove_variant(value, variant)
                for value, variant in zip(values, variants, strict=True)
            ]
            if len({*stems}) == 1:
                continue
        text = _describe_groups(values, variants)
        if text:
            text = f"The runs differ in {quantity}: {text}. A verdict assumes that only the variant differs."
            suspicions.append(Suspicion("different settings", text))
    return suspicions


def find_different_lengths(runs: Sequence[FoundRun], variants: Sequence[str]) -> list[Suspicion]:
    """Return a suspicion that names runs whose last epoch or step is before that of the others."""
    lengths = [run.length for run in runs if run.length is not None]
    if len(lengths) < len(runs) or len({*lengths}) < 2:
        return []
    longest = max(lengths)
    by_variant = {
        name: {run.length for run, variant in zip(runs, variants, strict=True) if variant == name}
        for name in variants
    }
    if all(len(each) == 1 for each in by_variant.values()):
        text = _describe_groups([f"{length:g}" for length in lengths], variants)
        text = f"The variants end at different epochs or steps: {text}."
    else:
        short = [
            f"{run.name} at {length:g}"
            for run, length in zip(runs, lengths, strict=True)
            if length < longest
        ]
        listed = join_first(short, _MAX_NAMED)
        text = f"Some runs end before epoch or step {longest:g}, the last of all: {listed}."
    return [Suspicion("different settings", f"{text} Stopped early, or not finished?")]


def _describe_groups(values: Sequence[str], variants: Sequence[str]) -> str:
    """Return each value with its variants; empty if all are equal.

    >>> _describe_groups(["2", "2", "3"], ["none", "none", "cbam"])
    '2 (none) and 3 (cbam)'
    """
    groups: dict[str, dict[str, None]] = {}
    for value, variant in zip(values, variants, strict=True):
        groups.setdefault(value, {})[variant] = None
    if len(groups) < 2:
        return ""
    ordered = sorted(groups, key=lambda value: -Counter(values)[value])
    return join_first([f"{value} ({', '.join(groups[value])})" for value in ordered], _MAX_NAMED)


def _remove_variant(model: str, variant: str) -> str:
    """Return the name of a model without that of its variant.

    >>> _remove_variant("yolov8n-cbam.yaml", "cbam"), _remove_variant("yolov8n.yaml", "none")
    ('yolov8n', 'yolov8n')
    """
    stem = PurePath(model).stem.lower()
    return re.sub(rf"[-_.]?{re.escape(variant.lower())}[-_.]?", "", stem) if variant else stem
