"""Command of a new study after an undecided one: the same options, longer or with more seeds, and new seeds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from foveal.records import StudyRecord
from foveal.records.design import PATH_OPTIONS
from foveal.stats.next_seeds import choose_first_new_seed
from foveal.variant_names import CONTROLS, SAME_TIME_CONTROL, WIDE_CONTROL, get_variant_name

OPTION_DEFAULTS: Final[Mapping[str, Any]] = {
    "data": None,  # always named
    "model": "convnet",
    "stem": None,
    "weights": None,
    "weights_from": "foveal",
    "start": "paper",
    "gate_learning_rate": None,
    "freeze_backbone": False,
    "image_size": None,
    "train_size": None,
    "test_size": None,
    "validation": 0,
    "crop": 4,
    "flip": True,
    "cutout": 0,
    "epochs": None,  # always named
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "one-cycle",
    "weight_decay": 5e-4,
    "label_smoothing": 0.1,
}
"""Default of each option that a command repeats if it has another value; numerics are resolved anew."""
_DEFAULT_MARGIN: Final = 0.5


def format_next_command(
    cell: StudyRecord, *, seeds: int, epochs: int, adds_same_time: bool = False
) -> str:
    """Return the command of a new study like this cell, in a new folder, with seeds that nobody has seen.

    The paths of data and weights are written as they were typed. `adds_same_time` adds the plain networks that
    are trained for as long as the variants.
    """
    design = cell.design
    options = {
        **design.shared_options,
        **(cell.cell.options if cell.cell else {}),
        "epochs": epochs,
    }
    requested = [variant for variant in design.variants if variant not in design.controls]
    words = ["foveal", "ablate", "--attention", ",".join(requested)]
    for name, default in OPTION_DEFAULTS.items():
        value = options.get(name)
        if value is not None and value != default:
            words += _format_option(name, _shorten_path(cell, name, value))
    flags = _list_control_flags(design.controls)
    flags += ["--same-time"] if adds_same_time and "--same-time" not in flags else []
    words += flags
    words += ["--margin", f"{design.margin:g}"] if design.margin != _DEFAULT_MARGIN else []
    first_seed = choose_first_new_seed(design.all_seeds[-1])
    if design.looks:
        words += ["--until-decided", "--max-seeds", f"{seeds}"]
        words += [] if design.stops_when_unlikely else ["--no-futility"]
    else:
        words += ["--seeds", f"{seeds}"]
    words += ["--first-seed", f"{first_seed}"]
    return shlex.join([*words, "--out", f"runs/{cell.folder.resolve().name}-from-{first_seed}"])


def _format_option(name: str, value: object) -> list[str]:
    """Return an option as it is typed.

    >>> _format_option("train_size", 4000), _format_option("flip", False)
    (['--train-size', '4000'], ['--no-flip'])
    """
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", f"{value}"]


def _list_control_flags(controls: tuple[str, ...]) -> list[str]:
    """Return the options that add these controls.

    >>> _list_control_flags(("se", "wide:like=cbam", "wide:like=bam"))
    ['--se', '--wide']
    """
    names = dict.fromkeys(get_variant_name(control) for control in controls)
    flags = {WIDE_CONTROL: "--wide", SAME_TIME_CONTROL: "--same-time"}
    return [flags[name] if name in CONTROLS else f"--{name}" for name in names]


def _shorten_path(cell: StudyRecord, name: str, value: object) -> object:
    """Return an absolute path as it was typed in the command of the runs, otherwise its last part."""
    if name not in PATH_OPTIONS or not PurePath(str(value)).is_absolute():
        return value
    typed = shlex.split(cell.runs[0].environment.get("command", "")) if cell.runs else []
    for word, following in zip(typed, [*typed[1:], ""], strict=True):
        option, _, assigned = word.partition("=")
        if option == f"--{name}":
            return assigned or following
    return PurePath(str(value)).name
