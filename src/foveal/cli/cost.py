"""The command `foveal cost`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, PositiveInt
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table as RichTable

from foveal.cli.console import print_json, stderr, stdout
from foveal.cli.options import Flag, JsonFlag
from foveal.errors import FovealError, UsageError
from foveal.variant_names import BASELINE

if TYPE_CHECKING:
    from foveal.text_tables import Table

_SCHEMA_VERSION = 1
# Model, input shape, variants, classes, batch size and precision of the published torchsummary table.
_TORCHSUMMARY_SETTING = ("convnet", (3, 32, 32), [BASELINE, "cbam"], 10, 1, "fp32")


def cost(
    study: Path | None = None,
    /,
    *,
    model: str = "convnet",
    attention: str = BASELINE,
    input_shape: Annotated[str, Parameter(name="--input")] = "3x32x32",
    classes: PositiveInt = 10,
    stem: Literal["cifar", "imagenet"] | None = None,
    batch_size: PositiveInt = 1,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    latency: Flag = False,
    compiled: Flag = False,
    depth: NonNegativeInt | None = None,
    explain_torchsummary: Flag = False,
    json: JsonFlag = False,
) -> None:
    """Measure what attention costs: parameters, operations, memory, latency.

    One variant gives a table of its layers, several variants give a table with a row per variant. `none` is
    always measured too, for comparison. With a finished STUDY, the stored costs of its variants are printed
    and nothing is measured.

    Parameters
    ----------
    study
        A study folder.
    model
        A name from `foveal list`, torchvision/NAME, timm/NAME, or package.module:callable.
    attention
        The variants, separated by commas.
    input_shape
        Channels x height x width of an image.
    classes
        Number of classes.
    stem
        Stem of a ResNet; by default `cifar` for images below 64 px.
    batch_size
        Images per batch. Latency is also measured for one image.
    device
        cpu or cuda; meta counts without computing.
    precision
        Floating-point precision of the computation.
    latency
        Measure the time of inference and of a training step, interleaved over the variants.
    compiled
        Measure torch.compile too; implies --latency.
    depth
        Number of module levels in the table of layers. Deeper modules are added to their parents.
    explain_torchsummary
        Print the memory table of torchsummary, its errors, and the correct numbers.
    """
    if study is not None:
        _print_study_cost(study, json=json)
        return
    from foveal.attention.variant_spec import canonicalize_variant
    from foveal.cost import compare_costs
    from foveal.cost.torchsummary import make_torchsummary_table
    from foveal.models import build_model

    names = [name.strip() for name in attention.split(",")]
    shape = _parse_shape(input_shape)
    variants = [canonicalize_variant(name) for name in names]
    case = (model, shape, variants, classes, batch_size, precision)
    if explain_torchsummary and case != _TORCHSUMMARY_SETTING:
        raise UsageError(
            "--explain-torchsummary needs --model convnet --attention none,cbam, and the default input, "
            "classes, batch size and precision."
        )
    if device == "meta" and (latency or compiled):
        raise UsageError(
            "The device meta computes nothing, so it has no latency. Leave out --latency or --device meta."
        )
    options: dict[str, Any] = {
        "num_classes": classes, "in_channels": shape[0], "image_size": shape[1], "stem": stem,
    }  # fmt: skip
    with_baseline = dict.fromkeys([BASELINE, *names])
    models = {name: build_model(model, attention=name, **options) for name in with_baseline}
    with stderr.status("Measuring latency" if latency or compiled else "Counting"):
        comparison = compare_costs(
            models, shape, batch_size=batch_size, device=device, precision=precision,
            latency=latency or compiled, compiled=compiled,
        )  # fmt: skip
    explanation = (
        make_torchsummary_table(comparison.reports[BASELINE], comparison.reports[names[1]])
        if explain_torchsummary
        else None
    )
    if json:
        content = {"schema": _SCHEMA_VERSION, "model": model, "variants": comparison.to_dict()}
        print_json(content | ({"torchsummary": asdict(explanation)} if explanation else {}))
        return
    if explanation is not None:
        tables = [explanation]
    elif len(names) == 1:
        tables = comparison.reports[names[0]].to_tables(depth=depth)
    else:
        tables = comparison.to_tables()
    for table in tables:
        _print_table(table)


def _print_study_cost(study: Path, *, json: bool) -> None:
    """Print the stored cost of the variants of a study."""
    from foveal.analysis import list_variant_costs, make_variant_cost_table
    from foveal.records import read_study

    costs = list_variant_costs(read_study(study))
    if not costs:
        raise FovealError(
            f"{study} has no stored costs. `foveal ablate` stores them after the last run, "
            "unless --no-extras is given."
        )
    if json:
        print_json({"schema": _SCHEMA_VERSION, "study": str(study), "variants": costs})
        return
    _print_table(make_variant_cost_table(costs, show_cells=True))


def _parse_shape(text: str) -> tuple[int, ...]:
    """Return the three sizes of a shape such as 3x224x224.

    Raises:
        UsageError: the text is not a shape.
    """
    sizes = text.lower().split("x")
    if len(sizes) != 3 or not all(size.isdecimal() and int(size) for size in sizes):
        raise UsageError(f"Parameter `input` should be like 3x224x224. Found `input = {text}`.")
    return tuple(map(int, sizes))


def _print_table(table: Table) -> None:
    """Print a table and its note."""
    rich_table = RichTable(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD,
                           pad_edge=False, collapse_padding=True)  # fmt: skip
    for heading, is_text in zip(table.headings, table.is_text, strict=True):
        rich_table.add_column(heading, justify="left" if is_text else "right", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*map(escape, row))
    stdout.print(rich_table)
    if table.note:
        stdout.print(f"[dim]{escape(table.note)}[/]")
