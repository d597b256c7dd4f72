"""`foveal cost`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table as RichTable

from foveal.cli.console import err, out, print_json
from foveal.errors import FovealError, UsageError

if TYPE_CHECKING:
    from foveal.text_tables import Table

SCHEMA = 1
OLD_STUDY = ("convnet", (3, 32, 32), ["none", "series"], 10, 1, "fp32")
Flag = Parameter(negative="")


def cost(
    study: Path | None = None,
    /,
    *,
    model: str = "convnet",
    attention: str = "none",
    input_shape: Annotated[str, Parameter(name="--input")] = "3x32x32",
    classes: PositiveInt = 10,
    stem: Literal["cifar", "imagenet"] | None = None,
    batch_size: PositiveInt = 1,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    latency: Annotated[bool, Flag] = False,
    compiled: Annotated[bool, Flag] = False,
    depth: NonNegativeInt | None = None,
    explain_torchsummary: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> None:
    """Say what attention costs: parameters, operations, memory and, with --latency, time.

    For one variant it prints a table of layers, for several a table with a row for each. All are set
    against `none`, which is measured with them. Of a finished STUDY it prints what that has stored of its
    variants, and measures nothing.

    Parameters
    ----------
    study
        A study folder.
    model
        A name of `foveal list`, torchvision/NAME, timm/NAME, or package.module:callable.
    attention
        The variants, separated by commas.
    input_shape
        Channels, height and width of an image.
    classes
        Width of the logits.
    stem
        Of a ResNet; by default `cifar` for images under 64 px.
    batch_size
        Images of a batch; times are taken of one image too.
    device
        cpu or cuda; meta counts only.
    precision
        What is computed in.
    latency
        Take times of inference and of a training step, all variants in turns.
    compiled
        Take times of torch.compile too; implies --latency.
    depth
        Levels of the table of layers that are shown; what is below is added up.
    explain_torchsummary
        Print the memory table of the old study, why it is wrong, and the right figures.
    json
        Print one JSON object on stdout.
    """
    if study is not None:
        show_study(study, json=json)
        return
    from foveal.cost import compare_costs
    from foveal.cost.torchsummary import torchsummary_table
    from foveal.models import build_model

    names = [name.strip() for name in attention.split(",")]
    shape = shape_of(input_shape)
    asked = (model, shape, names, classes, batch_size, precision)
    if explain_torchsummary and asked != OLD_STUDY:
        raise UsageError(
            "The old table is of one image of 3x32x32 in the ConvNet: --explain-torchsummary goes with "
            "--model convnet --attention none,series alone."
        )
    if device == "meta" and (latency or compiled):
        raise UsageError("The meta device takes no time: leave --latency or --device meta out.")
    options: dict[str, Any] = {
        "num_classes": classes, "in_channels": shape[0], "image_size": shape[1], "stem": stem,
    }  # fmt: skip
    measured = dict.fromkeys(["none", *names])  # the baseline, asked for or not
    models = {name: build_model(model, attention=name, **options) for name in measured}
    with err.status("taking times" if latency or compiled else "counting"):
        found = compare_costs(
            models, shape, batch_size=batch_size, device=device, precision=precision,
            latency=latency or compiled, compiled=compiled,
        )  # fmt: skip
    table = (
        torchsummary_table(found.reports["none"], found.reports["series"])
        if explain_torchsummary
        else None
    )
    if json:
        old = {} if table is None else {"torchsummary": asdict(table)}
        print_json({"schema": SCHEMA, "model": model, "variants": found.to_dict(), **old})
        return
    if table is not None:
        tables = [table]
    elif len(names) == 1:
        tables = found.reports[names[0]].tables(depth=depth)
    else:
        tables = found.tables()
    for one in tables:
        show(one)


def show_study(study: Path, *, json: bool) -> None:
    """Print what a study has stored of the cost of its variants."""
    from foveal.analysis import list_variant_costs
    from foveal.records import read_study
    from foveal.study.variant_costs import costs_table

    found = list_variant_costs(read_study(study))
    if not found:
        raise FovealError(
            f"{study} has stored no cost: `foveal ablate` leaves it when all runs are complete, "
            "unless it is called with --no-extras."
        )
    if json:
        print_json({"schema": SCHEMA, "study": str(study), "variants": found})
        return
    show(costs_table(found))


def shape_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a shape such as 3x224x224."""
    sides = text.lower().split("x")
    if len(sides) != 3 or not all(side.isdecimal() and int(side) for side in sides):
        raise UsageError(f"Parameter `input` should be as 3x224x224. Found `input = {text}`.")
    return tuple(map(int, sides))


def show(table: Table) -> None:
    """Print a table and its note."""
    made = RichTable(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False,
                     collapse_padding=True)  # fmt: skip
    for place, heading in enumerate(table.headings):
        made.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*map(escape, row))
    out.print(made)
    if table.note:
        out.print(f"[dim]{escape(table.note)}[/]")
