"""First line of a study: what runs, how often and for how long, printed before anything is loaded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.markup import escape

from foveal.cli.console import print_message
from foveal.text_format import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from foveal.study.config import RunConfig, StudyConfig


def add_missing_baseline(config: StudyConfig) -> StudyConfig:
    """Return the config with `none`, and print a line if it was not among the variants."""
    from foveal.study.variants import add_baseline

    complete = add_baseline(config)
    if complete != config:
        print_message("Added the variant none, the network without attention: a verdict needs it.")
    return complete


def describe_runs(config: StudyConfig) -> str:
    """Return the network, the data and the number of runs of a study, as rich markup."""
    from foveal.study.variants import resolve_variants

    variants = len(resolve_variants(config))
    settings = math.prod(len(values) for values in config.grid.values())
    most = "at most " if config.until_decided else ""
    seeds = most + format_count(config.seed_count, "seed")
    seeds += f" from {config.first_seed} on" if config.first_seed else ""
    parts = [format_count(variants, "variant"), seeds]
    parts += [format_count(settings, "setting")] if config.grid else []
    runs = most + format_count(variants * config.seed_count * settings, "run")
    options = ", ".join(_join_values(config, name) for name in ("model", "data"))
    epochs = f"{_join_values(config, 'epochs')} epoch" + ("" if config.epochs == 1 else "s")
    return f"{escape(options)}: {runs} of {epochs} ({' x '.join(parts)})"


def describe_time(folder: Path, runs: Sequence[tuple[RunConfig, Path]], *, parallel: int) -> str:
    """Return the line about the time of the missing runs of a study, from its stored step times."""
    from foveal.study.study_step_times import estimate_training_seconds

    seconds = estimate_training_seconds(folder, runs)
    if not runs:
        return "All runs are finished."
    if seconds is None:
        return "The first run shows how long the study takes."
    duration = format_duration(seconds / max(1, min(parallel, len(runs))))
    return f"Training takes about {duration}, by the time of a few steps of each variant."


def _join_values(config: StudyConfig, option: str) -> str:
    """Return the values of an option, several in a grid."""
    return " and ".join(str(value) for value in config.grid.get(option, [getattr(config, option)]))
