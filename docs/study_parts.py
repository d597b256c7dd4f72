"""Writes the parts of the page on studies that hold numbers or fields: none of them is typed by hand."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tables import table, write_lines

from foveal.analysis.caveats import ANCHORS, FAR_BELOW
from foveal.cli import json_schema

CALIBRATION = Path(__file__).parents[1] / "benchmarks" / "results" / "calibration.json"
PLAIN_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def write_study_parts(folder: Path) -> None:
    """Write `calibration.md`, `looking-again.md`, `anchors.md` and `ablate-json.md` into `folder`."""
    found = json.loads(CALIBRATION.read_text())
    write_lines(folder / "calibration.md", calibration(found))
    write_lines(folder / "looking-again.md", looking_again(found))
    write_lines(folder / "anchors.md", anchors())
    write_lines(folder / "ablate-json.md", schema(json_schema.AblateOutput))


def calibration(found: dict[str, Any]) -> Iterator[str]:
    """Yield how often a verdict is wrong, and the command that measured it."""
    level = 1 - found["alpha"] / found["variants"]
    yield (
        f"Each row is {found['studies_per_row']:,} simulated studies of {found['variants']} variants "
        "without any difference, judged without a margin, and as many in which every difference is "
        f"exactly the margin, of {found['margin_in_sd_where_equivalent']} standard deviations. "
        f"{origin(found['real'])}\n"
    )
    head = (
        "deviations",
        "seeds",
        "studies that say *better* or *worse*, %",
        f"intervals that hold the truth, of level {100 * level:g} %",
        "studies that say *equivalent* at the margin, %",
        "comparisons that do, %",
    )
    rows = [
        (
            row["deviations"],
            str(row["seeds"]),
            percent(row["studies_better_or_worse"]),
            percent(row["coverage"]),
            percent(row["studies_equivalent_at_margin"]),
            percent(row["comparisons_equivalent_at_margin"]),
        )
        for row in found["rows"]
    ]
    yield from table(head, rows, numbers=5)
    yield f"Measured with `{found['command']}`.\n"


def origin(real: dict[str, Any] | None) -> str:
    """Say where the deviations of runs from their mean are from."""
    if real is None:
        return "The runs deviate from their mean as normal numbers do."
    return (
        "The runs deviate from their mean as normal numbers do, or as real ones did: drawn, with "
        f"replacement, from the {real['runs']} runs of `none` in `{real['file']}`, whose standard "
        f"deviation is {100 * real['sd']:.2f} points."
    )


def looking_again(found: dict[str, Any]) -> Iterator[str]:
    """Yield the figure, and a sentence for each number of variants that was simulated."""
    last = found["looking_again"][0]["seeds"][-1]
    first = found["looking_again"][0]["seeds"][0]
    yield (
        "![Share of studies without any difference that show one, by the seeds at the look]"
        "(_static/looking-again.svg)\n"
    )
    said = []
    for looks in found["looking_again"]:
        said.append(
            f"with {counted(looks['variants'])} {percent(looks['at_this_look_or_before'][-1])} % of "
            f"{looks['studies']:,} simulated studies show one at some look, and "
            f"{percent(looks['at_this_look'][-1])} % at the last look alone"
        )
    yield (
        f"Nothing differs, and somebody looks after each seed from {first} to {last}: "
        f"{'; '.join(said)}. The figure is that of "
        f"{counted(found['looking_again'][0]['variants'])}. "
        f"Measured with `{found['command']}`.\n"
    )


def counted(variants: int) -> str:
    """Return a number of variants in words.

    >>> counted(1), counted(4)
    ('one variant', '4 variants')
    """
    return "one variant" if variants == 1 else f"{variants} variants"


def anchors() -> Iterator[str]:
    """Yield the accuracies against which the plain network is held."""
    rows = [
        (
            f"`{anchor.data}`",
            f"`{anchor.model}`",
            f"`{anchor.stem}`" if anchor.stem else "",
            str(anchor.epochs),
            f"{anchor.accuracy:.1%}",
        )
        for anchor in ANCHORS
    ]
    yield from table(("data", "model", "stem", "epochs", "at least"), rows, numbers=2)
    yield (
        f"A warning appears more than {100 * FAR_BELOW:g} points below the value, for trainings of at "
        "least so many epochs.\n"
    )


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2f}"


def schema(model: type[BaseModel]) -> Iterator[str]:
    """Yield a table of the fields of a model, then one for each model that it holds."""
    waiting, done = [model], []
    while waiting:
        part = waiting.pop(0)
        done.append(part)
        if part is not model:
            yield f"**{title(part)}**. {said(part.__doc__)}\n"
        rows = []
        for name, field in part.model_fields.items():
            rows.append(
                (f"`{field.alias or name}`", type_of(field.annotation), said(field.description))
            )
            waiting += [m for m in models_in(field.annotation) if m not in [*done, *waiting]]
        yield from table(("field", "type", "meaning"), rows)


def title(part: type[BaseModel]) -> str:
    """Name a part of the output."""
    return part.__name__.removesuffix("Output")


def said(text: str | None) -> str:
    """Return a docstring in one line; a field without one must not go unnoticed."""
    if not text:
        raise LookupError("Every field of the output needs a docstring: it is its documentation.")
    return " ".join(text.split())


def type_of(annotation: Any) -> str:
    """Return a type as a reader of JSON knows it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_of(argument) for argument in arguments)
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(argument)}`" for argument in arguments)
    if origin is list:
        return f"list of {type_of(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(type_of(argument) for argument in arguments)}]"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"**{title(annotation)}**"
    return PLAIN_TYPES[annotation]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in models_in(argument)]
