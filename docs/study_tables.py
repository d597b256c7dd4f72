"""Tables of the pages on studies and judge: calibration results, anchors and the JSON schemas."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_tables import markdown_table, write_lines
from pydantic import BaseModel

from foveal.analysis.caveats import BASELINE_TOLERANCE, PUBLISHED_ACCURACIES
from foveal.cli.ablate_schema import AblateOutput
from foveal.cli.judge_schema import JudgeOutput

RESULTS_FOLDER = Path(__file__).parents[1] / "benchmarks" / "results"
CALIBRATION_FILE = RESULTS_FOLDER / "calibration.json"
PEERS_FILE = RESULTS_FOLDER / "calibration_peers.json"
KILLS_FILE = RESULTS_FOLDER / "check_kills.json"
TYPE_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def write_study_tables(folder: Path) -> None:
    """Write the tables of the page on studies into `folder`."""
    results = json.loads(CALIBRATION_FILE.read_text())
    write_lines(folder / "calibration.md", calibration_lines(results))
    write_lines(folder / "rules.md", rules_lines(results))
    write_lines(folder / "repeated-looks.md", repeated_looks_lines(results))
    write_lines(folder / "sequential.md", sequential_lines(results))
    write_lines(folder / "sequential-peers.md", peers_lines(json.loads(PEERS_FILE.read_text())))
    write_lines(folder / "check-kills.md", kills_lines(json.loads(KILLS_FILE.read_text())))
    write_lines(folder / "anchors.md", anchor_lines())
    write_lines(folder / "ablate-json.md", schema_lines(AblateOutput))
    write_lines(folder / "judge-json.md", schema_lines(JudgeOutput))


def calibration_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the table of error rates of verdicts, and the command that measured them."""
    level = 1 - results["alpha"] / results["variants"]
    yield (
        f"Each row summarizes {results['studies_per_row']:,} simulated studies of {results['variants']} "
        "variants without any difference, judged with a margin of almost zero, and as many studies in which "
        "every difference equals the margin, which is "
        f"{results['equivalence_margin_in_sd']} standard deviations. {deviations_sentence(results['real'])}\n"
    )
    head = (
        "deviations",
        "seeds",
        "studies with *better* or *worse*, %",
        f"{100 * level:g} % intervals that contain the true difference, %",
        "studies with *equivalent* at the margin, %",
        "comparisons with *equivalent* at the margin, %",
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
        for row in results["rows"]
    ]
    yield from markdown_table(head, rows, numbers=5)
    yield f"Measured with `{results['command']}`.\n"


def rules_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield what the rules on unequal numbers of seeds and on guessing change."""
    unequal, guessing = results["unequal_seeds"], results["guessing"]
    yield (
        f"With {unequal['seeds']} seeds of each variant and {unequal['baseline_seeds']} of `none`, "
        f"{percent(unequal['with_all_runs'])} % of studies without any difference would show one from all "
        f"runs, and {percent(unequal['with_common_seeds'])} % do with the seeds that both have.\n"
    )
    head = (
        "test images",
        "accuracy of `none`, %",
        "*better* or *worse* without the rule on guessing, %",
        "with it, %",
    )
    rows = [
        (
            f"{row['test_images']:,}",
            f"{100 * row['accuracy']:g}",
            percent(row["without_rule"]),
            percent(row["with_rule"]),
        )
        for row in guessing["rows"]
    ]
    yield from markdown_table(head, rows, numbers=4)
    yield (
        f"Ten classes of equal size, so guessing reaches {100 * guessing['accuracy']:g} %; "
        f"{guessing['seeds']} seeds, and {results['studies_per_row']:,} comparisons per row. At guessing "
        "nothing was learned: networks that name few classes deviate together from guessing, and hardly from "
        "seed to seed. In the other rows the variant is better by "
        f"{guessing['difference_in_sd']} standard deviations of {100 * guessing['sd']:g} points, and the rule "
        "takes no verdict.\n"
    )


def deviations_sentence(real: dict[str, Any] | None) -> str:
    """Return the sentence about the source of the run-to-run deviations."""
    if real is None:
        return "The run-to-run deviations are normal."
    return (
        "The run-to-run deviations are normal, or real: resampled with replacement from "
        f"the {real['runs']} runs of `none` in `{real['file']}`, whose standard deviation is "
        f"{100 * real['sd']:.2f} points."
    )


def repeated_looks_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the figure of repeated looks and the sentence about it."""
    last = results["repeated_looks"][0]["seeds"][-1]
    first = results["repeated_looks"][0]["seeds"][0]
    yield (
        "![Share of studies without any difference that show one, by number of seeds at the look]"
        "(_static/repeated-looks.svg)\n"
    )
    rates = []
    for looks in results["repeated_looks"]:
        ever, last_only = looks["at_this_or_an_earlier_look"][-1], looks["at_this_look"][-1]
        rates.append(
            f"with {count_variants(looks['variants'])}, {percent(ever)} % of {looks['studies']:,} simulated "
            f"studies show a difference at some look, and {percent(last_only)} % at the last look only"
        )
    yield (
        f"Suppose that nothing differs and the verdict is read after each seed from {first} to {last}: "
        f"{'; '.join(rates)}. The figure is for "
        f"{count_variants(results['repeated_looks'][0]['variants'])}. "
        f"Measured with `{results['command']}`.\n"
    )


def sequential_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the table of what sequential studies do."""
    sequential = results["sequential"]
    head = (
        "true difference",
        "margin",
        "deviation of the variants",
        "stops when unlikely",
        "studies with a false *better* or *worse*, %",
        "*better*, %",
        "*equivalent*, %",
        "seeds",
    )
    rows = [
        (
            f"{row['difference']:g}",
            "0" if row["margin"] < 1e-6 else f"{row['margin']:g}",
            f"{row['variant_sd']:g}",
            "yes" if row["stops_when_unlikely"] else "no",
            percent(row["wrong_studies"]) if row["difference"] == 0 else "",
            percent(row["better"]),
            percent(row["equivalent"]),
            f"{row['seeds']:.1f}",
        )
        for row in sequential["rows"]
    ]
    yield from markdown_table(head, rows, numbers=5)
    yield (
        f"{sequential['studies']:,} simulated studies per row, of {results['variants']} variants and up to "
        f"{sequential['max_seeds']} seeds; differences, margins and deviations in standard deviations of "
        "`none`. *better* and *equivalent* are shares of comparisons; where the true difference is the "
        f"margin, every *equivalent* is false. Measured with `{results['command']}`.\n"
    )


def peers_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the table of sequential studies beside other ways to compare networks."""
    head = (
        "deviations",
        "true difference",
        "method",
        "studies with a wrong verdict, %",
        "*better*, %",
        "decided, %",
        "seeds",
    )
    shares = ("studies_with_a_wrong_verdict", "comparisons_better", "comparisons_decided")
    rows = [
        (
            row["deviations"],
            f"{row['difference']:g}",
            row["method"],
            *(f"{100 * row[name]:.1f}" for name in shares),
            f"{row['seeds_per_variant']:.1f}",
        )
        for row in results["rows"]
    ]
    yield from markdown_table(head, rows, numbers=4)
    yield (
        f"{results['studies']:,} simulated studies per row, the same ones for every method; differences and "
        f"the margin, {results['margin_in_sd']:g}, in standard deviations. Wrong are *better* and *worse* if "
        "nothing differs, *worse* where the variant is better, and *equivalent* where the difference is at "
        f"least the margin. Measured with `{results['command']}`.\n"
    )


def kills_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield what became of a sequential study that was killed several times, in each form."""
    ends = ", ".join(
        f"`{each['variant']}` {each['verdict']} after {each['looks'][-1]} seeds"
        for each in results["comparisons"]
    )
    forms = ", ".join(
        f"{row['form']} ({row['kills']} kills, {row['runs']} runs)" for row in results["rows"]
    )
    is_equal = all(value for row in results["rows"] for value in row.values())
    yield (
        f"A study of CIFAR-10 took {results['undisturbed_runs']} runs: {ends}. "
        f"Killed at random and started again it ended with {'the same' if is_equal else 'other'} runs, "
        f"numbers, looks and verdicts: {forms}. Measured with `{results['command']}`.\n"
    )


def count_variants(variants: int) -> str:
    """Return a number of variants as text.

    >>> count_variants(1), count_variants(4)
    ('one variant', '4 variants')
    """
    return "one variant" if variants == 1 else f"{variants} variants"


def anchor_lines() -> Iterator[str]:
    """Yield the table of accuracies that the plain network is compared with."""
    rows = [
        (
            f"`{anchor.data}`",
            f"`{anchor.model}`",
            f"`{anchor.stem}`" if anchor.stem else "",
            str(anchor.epochs),
            f"{anchor.accuracy:.1%}",
        )
        for anchor in PUBLISHED_ACCURACIES
    ]
    yield from markdown_table(("data", "model", "stem", "epochs", "at least"), rows, numbers=2)
    yield (
        f"A caveat appears if the accuracy is more than {100 * BASELINE_TOLERANCE:g} points below the value, "
        "for trainings of at least this many epochs.\n"
    )


def percent(share: float) -> str:
    """Return a share in percent with two decimals."""
    return f"{100 * share:.2f}"


def schema_lines(model: type[BaseModel]) -> Iterator[str]:
    """Yield a table of the fields of a model, then one for each model among its fields."""
    pending, written = [model], []
    while pending:
        current = pending.pop(0)
        written.append(current)
        if current is not model:
            yield f"**{model_title(current)}**. {join_lines(current.__doc__)}\n"
        rows = []
        for name, field in current.model_fields.items():
            rows.append(
                (
                    f"`{field.alias or name}`",
                    type_name(field.annotation),
                    join_lines(field.description),
                )
            )
            pending += [m for m in find_models(field.annotation) if m not in [*written, *pending]]
        yield from markdown_table(("field", "type", "meaning"), rows)


def model_title(model: type[BaseModel]) -> str:
    """Return the name of a model without `Output`."""
    return model.__name__.removesuffix("Output")


def join_lines(text: str | None) -> str:
    """Return a docstring as one line.

    Raises:
        LookupError: a field has no docstring.
    """
    if not text:
        raise LookupError("Every field of the output needs a docstring for its documentation.")
    return " ".join(text.split())


def type_name(annotation: Any) -> str:
    """Return the name of the JSON type of an annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if origin is typing.Literal:
        return ", ".join(f"`{json.dumps(argument)}`" for argument in arguments)
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(type_name(argument) for argument in arguments)}]"
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"**{model_title(annotation)}**"
    return TYPE_NAMES[annotation]


def find_models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in find_models(argument)]
