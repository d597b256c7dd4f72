"""Suspicions about the values of a table: signs that runs are copies, have no seeds or are in two units."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError
from foveal.stats.guessing import find_low_outliers, is_at_guessing
from foveal.stats.outcome_scale import OutcomeScale
from foveal.text_format import join_first, join_seeds

SuspicionKind = Literal[
    "identical values",
    "one seed",
    "unequal numbers",
    "at chance",
    "impossible values",
    "mixed units",
    "different settings",
    "unfinished runs",
]

_MAX_EXPECTED_TIES: Final = 0.05
_MAX_IMAGES: Final = 100_000
_MAX_TESTED_VALUES: Final = 20
_MIN_RUNS: Final = 3
_MAX_NAMED: Final = 3
_FULL_DIGITS: Final = 7
_PERCENT: Final = 100.0


@dataclass(frozen=True)
class Suspicion:
    """Sign that the runs are not what a verdict assumes: its kind, and a sentence or two."""

    kind: SuspicionKind
    text: str


@dataclass(frozen=True)
class VariantValues:
    """Outcomes of the runs of one variant, as in the table, with their seeds."""

    values: npt.NDArray[np.float64]
    seeds: tuple[int, ...]


def find_suspicions(
    runs: Mapping[str, VariantValues],
    *,
    scale: OutcomeScale,
    chance: float | None,
    test_images: int | None,
    names: Sequence[str],
) -> list[Suspicion]:
    """Return the suspicions about the values of one data set.

    Args:
        runs: the runs by variant.
        scale: conversion of the values.
        chance: accuracy of guessing, a fraction of 1, if known.
        test_images: number of test images, if known.
        names: variants that should have the same seeds; empty if they need not, as in a sequential study.
    """
    suspicions = find_identical_values(runs, test_images=test_images if scale.is_accuracy else None)
    suspicions += find_unequal_numbers(runs, names)
    suspicions += find_impossible_values(runs, is_accuracy=scale.is_accuracy)
    suspicions += find_mixed_units(runs)
    if chance is not None and test_images is not None:
        suspicions += find_runs_at_chance(
            runs, factor=abs(scale.factor), chance=chance, test_images=test_images
        )
    return suspicions


def separate_runs(
    runs: Mapping[str, VariantValues], seeds: Sequence[int], has_seeds: bool
) -> tuple[Mapping[str, VariantValues], list[Suspicion]]:
    """Return the runs with one run per seed; with one seed for all, they count in their order.

    Raises:
        UsageError: a variant has two runs of one seed.
    """
    if not has_seeds:
        return runs, []
    suspicions = find_one_seed(runs, seeds)
    if suspicions:
        return {
            name: VariantValues(each.values, tuple(range(len(each.values))))
            for name, each in runs.items()
        }, suspicions
    for name, each in runs.items():
        repeated = [seed for seed, count in Counter(each.seeds).items() if count > 1]
        if repeated:
            raise UsageError(
                f"Each variant should have one run per seed. Found several of {name!r} with seed "
                f"{min(repeated)}: name data sets with --data-column, or remove repeated runs."
            )
    return runs, []


def find_identical_values(
    runs: Mapping[str, VariantValues], *, test_images: int | None = None
) -> list[Suspicion]:
    """Return a suspicion if runs agree to all digits more often than chance explains.

    The expected number of equal pairs is that of normal values with the step of the values: their last
    decimal, or 1 / N for accuracies on N images.
    """
    groups = {name: each for name, each in runs.items() if len(each.values) > 1}
    constant = [name for name, each in groups.items() if np.ptp(each.values) == 0]
    if constant:
        text = (
            f"All runs of {_list_first(constant)} have the same value to all digits: a seed that was "
            "never set, or one run copied?"
        )
        return [Suspicion("identical values", text)]
    values = np.concatenate([each.values for each in runs.values()]) if runs else np.array([])
    unique, counts = np.unique(values, return_counts=True)
    if not groups or unique.size == values.size:
        return []
    sd = math.sqrt(float(np.mean([each.values.var(ddof=1) for each in groups.values()])))
    step = _find_step(unique, test_images)
    expected = values.size * (values.size - 1) / 2 * step / (2 * math.sqrt(math.pi) * sd)
    if expected > _MAX_EXPECTED_TIES:
        return []
    value = float(unique[np.argmax(counts)])
    places = [
        f"{name} (seed {seed})"
        for name, each in runs.items()
        for seed, found in zip(each.seeds, each.values, strict=True)
        if found == value
    ]
    text = (
        f"Runs have the same value to all digits, {value!r}: {_list_first(places)}. "
        "A seed that was never set, or one run copied?"
    )
    return [Suspicion("identical values", text)]


def _find_step(unique: npt.NDArray[np.float64], test_images: int | None) -> float:
    """Return the distance of neighboring possible values; 0 for values of full precision."""
    scale = _PERCENT if unique.max() > 1 else 1.0
    if test_images is not None:
        return scale / test_images
    digits = max(len(f"{value:.12g}".partition(".")[2].rstrip("0")) for value in unique.tolist())
    if digits < _FULL_DIGITS:
        return float(10.0**-digits)
    fractions = unique[:_MAX_TESTED_VALUES] / scale
    images = np.arange(1, _MAX_IMAGES + 1)
    is_multiple = np.ones(images.size, dtype=bool)
    for fraction in fractions.tolist():  # accuracies on N images are multiples of 1 / N
        distance = np.abs(fraction * images - np.round(fraction * images))
        is_multiple &= distance < images * 10.0**-digits * scale + 1e-9
    found = images[is_multiple]
    return scale / float(found[0]) if found.size else 0.0


def find_one_seed(runs: Mapping[str, VariantValues], table_seeds: Sequence[int]) -> list[Suspicion]:
    """Return a suspicion if the table gives one and the same seed for several runs of a variant."""
    if (
        len(set(table_seeds)) > 1
        or max((len(each.values) for each in runs.values()), default=0) < 2
    ):
        return []
    text = (
        f"All runs have seed {table_seeds[0]}: if it was set, they differ by nothing but rounding. "
        "The runs of a variant count in their order."
    )
    return [Suspicion("one seed", text)]


def find_unequal_numbers(
    runs: Mapping[str, VariantValues], names: Sequence[str]
) -> list[Suspicion]:
    """Return a suspicion if variants have different seeds; only the common ones of two count."""
    sets = {name: set(runs[name].seeds) if name in runs else set() for name in names}
    every = set[int]().union(*sets.values())
    missing = {name: every - seeds for name, seeds in sets.items() if every - seeds}
    if not missing:
        return []
    parts = [f"{name} lacks {join_seeds(seeds)}" for name, seeds in missing.items()]
    text = (
        f"The variants do not have the same seeds: {_list_first(parts)}. "
        "A verdict counts the seeds that both have."
    )
    return [Suspicion("unequal numbers", text)]


def find_runs_at_chance(
    runs: Mapping[str, VariantValues], *, factor: float, chance: float, test_images: int
) -> list[Suspicion]:
    """Return a suspicion that names runs at chance far below the others of their variant; they count."""
    failed = []
    for name, each in runs.items():
        if len(each.values) < _MIN_RUNS:
            continue
        accuracies = each.values * factor
        suspects = find_low_outliers(accuracies) & is_at_guessing(
            accuracies, guessing_accuracy=chance, test_images=test_images
        )
        failed += [
            f"{name} (seed {seed})"
            for seed, is_suspect in zip(each.seeds, suspects.tolist(), strict=True)
            if is_suspect
        ]
    if not failed:
        return []
    verb = "is" if len(failed) == 1 else "are"
    text = (
        f"At chance {verb} {_list_first(failed)}, far below the other runs. Such a run counts as any "
        "other: to leave it out would be a choice by result."
    )
    return [Suspicion("at chance", text)]


def find_impossible_values(
    runs: Mapping[str, VariantValues], *, is_accuracy: bool
) -> list[Suspicion]:
    """Return a suspicion about accuracies below 0 or above 100 %."""
    if not is_accuracy:
        return []
    wrong = [
        f"{value:g} of {name} (seed {seed})"
        for name, each in runs.items()
        for seed, value in zip(each.seeds, each.values.tolist(), strict=True)
        if not 0 <= value <= _PERCENT
    ]
    if not wrong:
        return []
    return [Suspicion("impossible values", f"An accuracy cannot be {_list_first(wrong, 'or')}.")]


def find_mixed_units(runs: Mapping[str, VariantValues]) -> list[Suspicion]:
    """Return a suspicion if some values look like fractions and others like the same in percent."""
    values = np.concatenate([each.values for each in runs.values()]) if runs else np.array([])
    small, large = (
        values[(values >= 0) & (values <= 1)],
        values[(values > 1) & (values <= _PERCENT)],
    )
    if not small.size or not large.size:
        return []
    scaled = small * _PERCENT
    if not ((scaled >= large.min() / 2) & (scaled <= 2 * large.max())).any() or large.min() < 2:
        return []
    text = (
        f"Values from 0 to 1 and from 0 to 100 are mixed, such as {small.max():g} and {large.max():g}: one in "
        "percent, the other a fraction?"
    )
    return [Suspicion("mixed units", text)]


def _list_first(words: Sequence[str], word: str = "and") -> str:
    """Return the first words of a list and the number of the others."""
    text = join_first(words, _MAX_NAMED)
    return text if word == "and" else f" {word} ".join(text.rsplit(" and ", 1))
