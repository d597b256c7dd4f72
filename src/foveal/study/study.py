"""A study: variants x seeds in one setting, in one folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.attention import parse_spec
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.records import SCHEMA, StudyRecord, is_complete, read_study, schema, write_results
from foveal.records.run import read_toml, write_toml
from foveal.stats import Comparison, compare_variants
from foveal.study.config import RunConfig, Setting, StudyConfig, as_record, differences
from foveal.study.progress import Progress
from foveal.study.runner import make_model, run
from foveal.study.setting import read_data, resolved

MAY_GROW = frozenset({"variants", "planned_seeds", "schema", "margin"})


@dataclass(frozen=True)
class Study:
    """A study on disk; `open` makes it or finds it.

    >>> study = Study.open(Path("runs/slice"), StudyConfig(attention="none,series"))  # doctest: +SKIP
    >>> record = study.run()  # doctest: +SKIP
    """

    folder: Path
    config: StudyConfig
    data: ImageData

    @classmethod
    def open(cls, folder: Path, config: StudyConfig) -> Study:
        """Make the study in `folder`, or go on with the one that is there.

        Variants and seeds may be added; the number of seeds it was planned for stays on record.
        Nothing is written before everything asked for is known to be possible.

        Raises:
            UsageError: a variant or an option is wrong, or the folder holds another study.
        """
        check_variants(config.variants)
        stored = stored_study(folder)
        data = read_data(config)
        config = resolved(config, data, stored)
        for variant in config.variants:
            make_model(run_config(config, variant, 0), data)
        planned, variants = config.seeds, list(config.variants)
        if stored is not None:
            refuse_difference(folder, stored, config)
            planned = stored["planned_seeds"]
            variants = list(dict.fromkeys([*stored["variants"], *variants]))
        folder.mkdir(parents=True, exist_ok=True)
        plan = {"planned_seeds": planned, "variants": variants, "margin": config.margin}
        write_toml(folder / schema.STUDY, {"schema": SCHEMA, **plan, **shared(config)})
        return cls(folder, config, data)

    def runs(self) -> list[tuple[RunConfig, Path]]:
        """Return every run that was asked for and its folder, all variants of a seed together."""
        configs = [
            run_config(self.config, variant, seed)
            for seed in range(self.config.seeds)
            for variant in self.config.variants
        ]
        return [(config, self.folder / schema.RUNS / run_name(config)) for config in configs]

    def run(self, progress: Progress | None = None) -> StudyRecord:
        """Run what is missing, go on with what was interrupted, and write results.csv."""
        for config, folder in self.runs():
            if not is_complete(folder):
                run(config, folder, resume=True, data=self.data, progress=progress)
                write_results(read_study(self.folder))
        record = read_study(self.folder)
        write_results(record)
        return record


def check_variants(variants: tuple[str, ...]) -> None:
    """Refuse unknown variants, and the same one twice."""
    for variant in variants:
        parse_spec(variant)
        if variants.count(variant) > 1:
            raise UsageError(f"The variant {variant!r} is given more than once.")


def run_config(config: StudyConfig, variant: str, seed: int) -> RunConfig:
    """Return the config of one run of a study."""
    return RunConfig(**shared(config), attention=variant, seed=seed)


def shared(config: StudyConfig) -> dict[str, Any]:
    """Return what all runs of a study have in common."""
    setting = as_record(config)
    return {name: setting[name] for name in Setting.model_fields if name in setting}


def run_name(config: RunConfig) -> str:
    """Name a run so that a person can find it and no other run has it.

    >>> run_name(RunConfig(attention="series:reduction=8", seed=2)).rpartition("-")[0]
    'series-reduction-8-seed2'
    """
    variant = re.sub(r"[^a-z0-9]+", "-", config.attention.lower()).strip("-")
    return f"{variant}-seed{config.seed}-{config.key}"


def stored_study(folder: Path) -> dict[str, Any] | None:
    """Return the config of the study in `folder`, None where there is none yet."""
    if (folder / schema.STUDY).is_file():
        return read_toml(folder / schema.STUDY)
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} exists and is not a study: choose another folder.")
    return None


def refuse_difference(folder: Path, stored: Mapping[str, Any], config: StudyConfig) -> None:
    """Refuse to mix two settings in one study."""
    setting = {name: value for name, value in stored.items() if name not in MAY_GROW}
    found = differences(setting, shared(config))
    if found:
        raise UsageError(
            f"{folder} holds a study with another config ({'; '.join(found)}): choose another folder."
        )


def comparisons(record: StudyRecord) -> list[Comparison]:
    """Compare each variant of a study with `none`; empty where `none` has no run."""
    return compare_variants(record.accuracies, margin=record.config["margin"])
