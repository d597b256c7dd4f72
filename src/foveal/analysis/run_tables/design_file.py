"""File of the design of a sequential judgment: TOML with a checksum, so that an edit is noticed."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w

from foveal.atomic import atomic_write
from foveal.errors import UsageError
from foveal.stats import JudgeDesign, SequentialDesign
from foveal.stats.judge_design import merge_options

DESIGN_FORMAT: Final = 1
_HEADER: Final = """\
# Design of a sequential comparison, written by `foveal judge --design` before its first look.
# A changed file is refused: for another design, begin a new file with new seeds.
"""
_NUMBER_LIST: Final = re.compile(r"\[\n((?: +[-+.\de]+,\n)+)\]")
_DIRECTIONS: Final = {False: "higher is better", True: "lower is better"}


def write_design_file(path: Path, design: JudgeDesign) -> None:
    """Write a design atomically.

    Raises:
        UsageError: the file cannot be written.
    """
    content = _make_content(design)
    content = {**content, "checksum": _compute_checksum(content)}
    try:
        with atomic_write(path) as temporary:
            text = _NUMBER_LIST.sub(_join_numbers, tomli_w.dumps(content))
            temporary.write_text(_HEADER + text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The design {path} cannot be written ({error.strerror}).") from error


def open_design_file(
    path: Path | None, max_seeds: int | None, options: Mapping[str, Any]
) -> tuple[JudgeDesign | None, dict[str, Any]]:
    """Return the design of a file with the options of `judge` that it fixes; None if it is still to be written.

    Args:
        path: the file; None for a judgment without a design.
        max_seeds: number of seeds at the last look, if it was given.
        options: the options that were given.

    Raises:
        UsageError: an option is missing or differs from the design, or the file was changed.
    """
    if path is None and max_seeds is not None:
        raise UsageError("--max-seeds is for a sequential design: name its file with --design.")
    if path is None or (max_seeds is not None and not path.exists()):
        return None, dict(options)
    if not path.exists():
        raise UsageError(
            f"There is no design {path}. Add --max-seeds, for example 20, to write it."
        )
    design = read_design_file(path)
    return design, merge_options(design, options, max_seeds)


def read_design_file(path: Path) -> JudgeDesign:
    """Return the design of a file.

    Raises:
        UsageError: the file is not a design, was changed, or has another format.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a design ({error}).") from error
    checksum, version = content.pop("checksum", None), content.get("format")
    if checksum is None or version is None:
        raise UsageError(
            f"{path} is not a design of `foveal judge`. Name a new file, which is then written."
        )
    if version != DESIGN_FORMAT:
        raise UsageError(
            f"{path} has format {version} (expected {DESIGN_FORMAT}): read it with the version of foveal that "
            "wrote it."
        )
    if checksum != _compute_checksum(content):
        raise UsageError(
            f"{path} was changed after it was written: its checksum does not match. Restore it, or begin a new "
            "design with new seeds."
        )
    return _parse_content(content)


def _make_content(design: JudgeDesign) -> dict[str, Any]:
    """Return a design as TOML values; what is unknown is left out."""
    looks = design.looks
    content = {
        "format": DESIGN_FORMAT,
        "outcome": design.outcome,
        "direction": _DIRECTIONS[design.lower_is_better],
        "best_epochs": design.is_best,
        "percent": design.is_percent,
        "baseline": design.baseline,
        "variants": list(design.variants),
        "data": [] if design.data == ("",) else list(design.data),
        "margin": design.margin,
        "test_images": design.test_images,
        "chance": design.chance,
        "alpha_per_comparison": looks.alpha,
        "looks": list(looks.looks),
        "difference_levels": list(looks.difference_levels),
        "equivalence_levels": list(looks.equivalence_levels),
        "stops_when_unlikely": looks.stops_when_unlikely,
        "seeds": list(design.seeds),
        "columns": dict(design.columns),
    }
    return {name: value for name, value in content.items() if value not in (None, {}, [])}


def _parse_content(content: Mapping[str, Any]) -> JudgeDesign:
    """Return the design of TOML values that have been checked."""
    return JudgeDesign(
        content["outcome"],
        content["baseline"],
        tuple(content["variants"]),
        content.get("margin"),
        SequentialDesign(
            tuple(content["looks"]),
            content["alpha_per_comparison"],
            tuple(content["difference_levels"]),
            tuple(content["equivalence_levels"]),
            content["stops_when_unlikely"],
        ),
        tuple(content["seeds"]),
        tuple(content.get("data", ("",))),
        content["direction"] == _DIRECTIONS[True],
        content["best_epochs"],
        content["percent"],
        content.get("test_images"),
        content.get("chance"),
        content.get("columns", {}),
    )


def _join_numbers(match: re.Match[str]) -> str:
    r"""Return a list of numbers in one line.

    >>> _NUMBER_LIST.sub(_join_numbers, "looks = [\n    4,\n    5,\n]")
    'looks = [4, 5]'
    """
    return f"[{', '.join(match[1].replace(',', '').split())}]"


def _compute_checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of TOML values, which does not depend on comments, order or spaces."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
