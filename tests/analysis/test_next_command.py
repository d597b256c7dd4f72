"""The command of a new study repeats the options of the old one."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from foveal.analysis.next_command import OPTION_DEFAULTS, format_next_command
from foveal.cli.ablate import ablate
from foveal.records import Cell, Design, RunRecord, StudyRecord
from foveal.study import StudyConfig
from foveal.study.resolved_design import resolve_design
from foveal.study.variants import resolve_variants

OPTIONS: dict[str, Any] = {
    "data": "scenes:size=16", "train_size": 80, "test_size": 40, "epochs": 3,
    "attention": "none,cbam:reduction=8", "learning_rate": 0.05, "flip": False, "crop": 2, "seeds": 3,
    "margin": 1.0, "se": True, "same_time": False, "wide": True, "device": "cpu", "threads": 1,
    "dtype": "float32", "kernels": "plain",
}  # fmt: skip


def parse(command: str) -> tuple[StudyConfig, Path]:
    """Return the config and the folder of a command, as the command line reads them."""
    name, subcommand, *words = shlex.split(command)
    assert (name, subcommand) == ("foveal", "ablate")
    _, bound, _ = App(default_command=ablate).parse_args(words)
    return bound.arguments["config"], bound.arguments["out_folder"]


def test_command_is_read_back_as_the_same_study() -> None:
    config = StudyConfig(**OPTIONS)
    design = resolve_design(config, None, max_parallel_runs=1)
    study = StudyRecord(Path("/somewhere/runs/first"), design, ())
    read, folder = parse(format_next_command(study, seeds=10, epochs=6))
    assert folder == Path("runs/first-from-100")
    assert (read.seeds, read.first_seed, read.epochs) == (10, 100, 6)
    changed = {"seeds", "first_seed", "epochs", "device", "threads", "dtype", "kernels"}
    for name in OPTIONS.keys() - changed - {"attention"}:
        assert getattr(read, name) == OPTIONS[name], name
    assert resolve_variants(read) == design.variants


def test_command_of_a_sequential_study_is_sequential() -> None:
    config = StudyConfig(
        **(OPTIONS | {"seeds": 5, "until_decided": True, "max_seeds": 8, "futility": False})
    )
    design = resolve_design(config, None, max_parallel_runs=1)
    study = StudyRecord(Path("/somewhere/runs/first"), design, ())
    read, _ = parse(format_next_command(study, seeds=16, epochs=6))
    assert (read.until_decided, read.max_seeds, read.futility) == (True, 16, False)
    assert read.first_seed == 100


def test_defaults_are_those_of_a_study() -> None:
    default = StudyConfig()
    for name, value in OPTION_DEFAULTS.items():
        assert value is None or value == getattr(default, name), name
    identified_otherwise = {
        *("attention", "seeds", "first_seed", "margin", "se", "wide", "same_time", "grid"),
        *("until_decided", "max_seeds", "futility"),
        *("device", "threads", "dtype", "memory_format", "kernels"),
        *("data_checksum", "weights_checksum", "model_checksum"),
    }
    assert OPTION_DEFAULTS.keys() == StudyConfig.model_fields.keys() - identified_otherwise


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("foveal ablate --data ../photos --seeds 3", "../photos"),
        ("foveal ablate --data=photos", "photos"),
        ("foveal ablate --config study.toml", "photos"),
    ],
)
def test_paths_are_written_as_typed(typed: str, expected: str) -> None:
    cell = Cell({"data": "/home/someone/photos", "model": "resnet18"})
    design = Design({"epochs": 3}, ("none", "cbam"), 5, 5, 0.5, 0.5, (cell,), first_seed=100)
    run = RunRecord(Path("r"), {}, {"command": typed}, {}, {}, {}, {})
    study = replace(StudyRecord(Path("s"), design, (run,)), cell=cell)
    words = shlex.split(format_next_command(study, seeds=5, epochs=3))
    assert words[words.index("--data") + 1] == expected
    assert words[words.index("--model") + 1] == "resnet18"
    assert words[words.index("--first-seed") + 1] == "200"
