"""`foveal hypotheses`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import Field
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import out, print_json
from foveal.cli.json_schema import Interval, Output, interval
from foveal.cli.study_tables import percent

if TYPE_CHECKING:
    from foveal.analysis.hypotheses import HypothesisResult
    from foveal.analysis.hypotheses.effects import Effect
    from foveal.records import StudyRecord

NO_ANSWER = "[dim]no answer[/]"
COLORS = {"supported": "green", "contradicted": "red", "undecided": "yellow"}


class EffectOutput(Output):
    """How the gain of one variant changes from the lower to the upper end of the property."""

    variant: str
    """The variant as it was asked for."""
    decides: bool
    """Whether this is the variant of the hypothesis; the others stand beside it, without an answer."""
    effect: float
    """Change of the gain over `none` in accuracy, as a fraction, from `low` to `high`."""
    interval: Interval | None
    """Interval of the effect at `level`, over seeds and images; null below three seeds."""
    seeds: int
    """Seeds that are finished for `none` and for the variant."""
    images: int
    """Test images."""


class HypothesisOutput(Output):
    """What the study says of one hypothesis."""

    hypothesis: str
    """What is claimed."""
    variant: str
    """The variant that it is claimed of."""
    predicted: Literal["smaller", "larger"]
    """Whether the gain should be smaller or larger at the upper end."""
    answer: Literal["supported", "contradicted", "undecided"] | None
    """What the interval says; null where there is no answer."""
    reason: str
    """What was found, or what is missing and how to get it; effects there are in points."""
    source: Literal["sweep", "mask", "occlusion", "pixels"] | None
    """Cells that differ in the property alone, or else what it was measured on, image by image."""
    property: str
    """Option of `scenes` that was swept, or the name of what was measured."""
    low: float | None
    """Lower end of the property: the smallest of the sweep, or the images' 10th percentile."""
    high: float | None
    """Upper end: the largest of the sweep, or the 90th percentile."""
    level: float
    """Level of the intervals: both hypotheses share the error rate of 5 %."""
    effects: list[EffectOutput]
    """Every variant with a seed in common with `none`."""


class HypothesesOutput(Output):
    """All that `foveal hypotheses --json` prints."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """Version of this schema; a field may be added within a version, none is taken away."""
    study: str
    """Folder of the study."""
    notes: list[str]
    """Sentences that belong beside any answer: a weak baseline, say."""
    hypotheses: list[HypothesisOutput]
    """One entry a hypothesis."""


def hypotheses(study: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Say whether attention helps most where it is said to: small objects, varying colors.

    Two old observations are tested on the records of a study, and nothing is trained: "spatial
    attention helps most where the object is small", and "channel attention helps most where colors
    vary". Best on a sweep, as of --grid.data scenes:object_size=0.25,scenes:object_size=0.55

    Parameters
    ----------
    study
        The study folder.
    json
        Print one JSON object on stdout.
    """
    from foveal.analysis.hypotheses import check_hypotheses
    from foveal.records import read_study

    record = read_study(study)
    found = check_hypotheses(record)
    if json:
        print_json(hypotheses_output(record, found))
        return
    out.print(hypotheses_table(found))
    for one in found:
        word = one.answer or "no answer"
        out.print(f"[bold]{sentence_case(one)}[/]: {word}; {escape(one.reason)}.")
    for line in remarks(record, found):
        out.print(line)


def hypotheses_output(record: StudyRecord, found: list[HypothesisResult]) -> dict[str, Any]:
    """Return the findings as JSON can hold them; what there is not is null."""
    output = HypothesesOutput(
        study=str(record.folder),
        notes=list(record.notes),
        hypotheses=[
            HypothesisOutput(
                hypothesis=one.hypothesis.claim,
                variant=one.variant,
                predicted="larger" if one.hypothesis.sign > 0 else "smaller",
                answer=one.answer,
                reason=one.reason,
                source=one.source,
                property=property_of(one),
                low=one.low,
                high=one.high,
                level=one.level,
                effects=[
                    EffectOutput(
                        variant=effect.variant,
                        decides=effect.variant == one.variant,
                        effect=effect.change,
                        interval=interval(effect.interval),
                        seeds=effect.seeds,
                        images=effect.images,
                    )
                    for effect in one.effects
                ],
            )
            for one in found
        ],
    )
    return output.model_dump(by_alias=True, mode="json")


def property_of(finding: HypothesisResult) -> str:
    """Return the name of the property that gains were held against."""
    hypothesis = finding.hypothesis
    return hypothesis.option if finding.source == "sweep" else hypothesis.covariate


def hypotheses_table(found: list[HypothesisResult]) -> Table:
    """Return one row a variant, that of the hypothesis first: the change of its gain, and the answer."""
    table = Table(
        title="Change of the gain over none, in points of accuracy",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("hypothesis", width=30)
    table.add_column("variant", overflow="fold")
    table.add_column("effect", justify="right", no_wrap=True)
    heading = f"{percent(found[0].level)} % interval"
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("answer", no_wrap=True)
    for one in found:
        claim = sentence_case(one)
        rows = [effect_cells(one, effect) for effect in one.effects]
        if one.variant not in [effect.variant for effect in one.effects]:
            rows.insert(0, [escape(one.variant), "", "", NO_ANSWER])
        for place, cells in enumerate(rows):
            table.add_row(claim if place == 0 else "", *cells)
        table.add_section()
    return table


def sentence_case(finding: HypothesisResult) -> str:
    """Return the claim as a sentence begins."""
    claim = finding.hypothesis.claim
    return claim[0].upper() + claim[1:]


def effect_cells(finding: HypothesisResult, effect: Effect) -> list[str]:
    """Return the cells of one variant; the answer is its own variant's alone."""
    low, high = (100 * end for end in effect.interval)
    between = "" if math.isnan(low) else f"{low:+.2f} to {high:+.2f}"
    answer = ""
    if effect.variant == finding.variant:
        answer = NO_ANSWER
        if finding.answer is not None:
            answer = f"[{COLORS[finding.answer]}]{finding.answer}[/]"
    return [escape(effect.variant), f"{100 * effect.change:+.2f}", between, answer]


def remarks(record: StudyRecord, found: list[HypothesisResult]) -> list[str]:
    """Return what has to be said of all findings together."""
    notes = [f"[yellow]Note[/] {escape(note)}" for note in record.notes]
    if not any(one.effects for one in found):
        return notes
    said = (
        "Effect: from the lower to the upper end of the property; support is a fall with the object's "
        "size, a rise with colors. Rows without an answer stand for comparison: where `none` is nearly "
        "always right there is little to gain, and a change that other variants and controls share is "
        "no merit of this one."
    )
    return [*notes, f"[dim]{said}[/]"]
