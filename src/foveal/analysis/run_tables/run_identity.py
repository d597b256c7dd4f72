"""Variant and seed of each run of another program, from its settings or its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from foveal.analysis.run_tables.found_run import (
    FoundRun,
    find_setting,
    list_required_settings,
    to_number,
)
from foveal.analysis.run_tables.run_names import (
    drop_common_parts,
    parse_counted_name,
    parse_run_name,
)
from foveal.errors import UsageError
from foveal.stats.run_table import SEED_NAMES, VARIANT_NAMES
from foveal.stats.table_cells import list_names
from foveal.stats.value_checks import Suspicion

MODEL_SETTINGS: Final = ("model", "arch", "architecture", "backbone", "model_name")
_VARIANT_SETTINGS: Final = tuple(name for name in VARIANT_NAMES if name not in MODEL_SETTINGS)


@dataclass(frozen=True)
class RunIdentities:
    """Variant and seed of each run.

    Attributes:
        variants: variant of each run.
        seeds: seed of each run; None if nothing tells it.
        variant_setting: setting that the variants are, empty if they are names.
        notes: where both were found, a sentence each.
        suspicions: signs that a seed was never set.
    """

    variants: tuple[str, ...]
    seeds: tuple[int, ...] | None
    variant_setting: str
    notes: tuple[str, ...]
    suspicions: tuple[Suspicion, ...] = ()


def identify_runs(
    runs: Sequence[FoundRun], *, variant_setting: str | None = None, seed_setting: str | None = None
) -> RunIdentities:
    """Return variant and seed of each run.

    A setting called variant, attention, method or the like comes before names, names come before the model,
    and a setting called seed comes before a seed in a name.

    Args:
        runs: the runs.
        variant_setting: setting that is the variant.
        seed_setting: setting that is the seed.

    Raises:
        UsageError: there is no such setting, or nothing tells variants apart.
    """
    names = drop_common_parts([run.name for run in runs])
    seeds, seed_note, suspicions = _find_seeds(runs, names, seed_setting)
    variants, setting = _find_variants(runs, names, variant_setting)
    if (
        seeds is None
        and not setting
        and variants == [parse_counted_name(name)[0] for name in names]
    ):
        seeds = [parse_counted_name(name)[1] for name in names]
        seed_note = (
            f"The number at the end of a name counts as its seed: {seeds[0]} of {names[0]!r}."
        )
    place = f"the setting {setting!r}" if setting else "in the names of the runs"
    notes = [f"Variants are {place}, such as {variants[0]!r} of {names[0]!r}."]
    return RunIdentities(
        tuple(variants),
        None if seeds is None else tuple(seeds),
        setting,
        (*notes, *([seed_note] if seed_note else [])),
        tuple(suspicions),
    )


def _find_variants(
    runs: Sequence[FoundRun], names: Sequence[str], variant_setting: str | None
) -> tuple[list[str], str]:
    """Return the variants, and the setting that they are; the setting is empty if they are names."""
    if variant_setting is not None:
        return list_required_settings(runs, variant_setting), variant_setting
    parsed = [parse_run_name(name)[0] for name in names]
    counted = [parse_counted_name(name)[0] for name in names]
    for variants, setting in (
        _list_settings(runs, _VARIANT_SETTINGS),
        (parsed, ""),
        (counted, ""),
        _list_settings(runs, MODEL_SETTINGS),
    ):
        if _is_grouping(variants):
            is_file = setting and setting.rpartition(".")[2] in MODEL_SETTINGS
            return [PurePath(name).stem if is_file else name for name in variants], setting
    if len({*parsed} - {""}) > 1:  # a single run of each variant
        return [variant or name for variant, name in zip(parsed, names, strict=True)], ""
    raise UsageError(_describe_missing_variants(runs, names))


def _is_grouping(variants: Sequence[str]) -> bool:
    """Return True if there are several variants, none is empty, and one has several runs."""
    counts = Counter(variants)
    return len(counts) > 1 and "" not in counts and max(counts.values()) > 1


def _list_settings(runs: Sequence[FoundRun], names: Sequence[str]) -> tuple[list[str], str]:
    """Return a setting with one of the names as text, and its name; nothing if a run lacks it."""
    name = find_setting(runs[0].settings, names)
    if name is None or not all(name in run.settings for run in runs):
        return [], ""
    return [str(run.settings[name]) for run in runs], name


def _find_seeds(
    runs: Sequence[FoundRun], names: Sequence[str], seed_setting: str | None
) -> tuple[list[int] | None, str, list[Suspicion]]:
    """Return the seeds, the note that says where they were found, and suspicions about them."""
    if seed_setting is None:
        texts, setting = _list_settings(runs, SEED_NAMES)
    else:
        texts, setting = list_required_settings(runs, seed_setting), seed_setting
    numbers = [to_number(text) for text in texts]
    trained = [int(number) for number in numbers if number is not None and number.is_integer()]
    has_trained = len(trained) == len(runs)
    if seed_setting is not None and not has_trained:
        raise UsageError(f"The setting {seed_setting!r} should be a whole number for each run.")
    named = [seed for _, seed in map(parse_run_name, names) if seed is not None]
    has_named = len(named) == len(runs)
    if not has_trained:
        if not has_named:
            return None, "", []
        return named, f"Seeds are in the names of the runs, such as {named[0]} of {names[0]!r}.", []
    note = f"Seeds are the setting {setting!r}."
    if not has_named or named == trained:
        return trained, note, []
    if len(set(trained)) == 1 and len(set(named)) > 1:
        text = (
            f"All runs were trained with {setting} {trained[0]}, though their names have several: a seed that "
            "was never set? The seeds of the names count."
        )
        return named, "Seeds are in the names of the runs.", [Suspicion("one seed", text)]
    row = next(row for row, pair in enumerate(zip(named, trained, strict=True)) if len({*pair}) > 1)
    text = f"The names of runs and their seeds differ: {names[row]!r} was trained with seed {trained[row]}."
    return trained, note, [Suspicion("one seed", text)]


def _describe_missing_variants(runs: Sequence[FoundRun], names: Sequence[str]) -> str:
    """Return the error for runs that nothing tells apart, with the settings in which they differ."""
    values: dict[str, set[Any]] = {}
    for run in runs:
        for key, value in run.settings.items():
            values.setdefault(key, set()).add(str(value))
    differing = [key for key, each in values.items() if 1 < len(each) < len(runs)]
    hint = (
        "Name the setting that is the variant with --variant-column: the runs differ in "
        f"{list_names(differing)}."
        if differing
        else "Name the folders by variant and seed, such as 'none-seed0' and 'cbam-seed0'."
    )
    return f"The variants of {list_names(names[:3])} cannot be guessed. {hint}"
