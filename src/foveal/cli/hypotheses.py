"""The command `foveal hypotheses`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.json_values import Interval, Output, interval_or_none
from foveal.cli.options import JsonFlag
from foveal.cli.study_tables import format_interval_or_blank
from foveal.text_format import format_level, format_points, use_minus_signs

if TYPE_CHECKING:
    from foveal.analysis.hypotheses import HypothesisResult
    from foveal.analysis.hypotheses.effects import Effect
    from foveal.records import StudyRecord

_NO_ANSWER = "[dim]no answer[/]"
_ANSWER_COLORS = {"supported": "green", "contradicted": "red", "undecided": "yellow"}


class _EffectOutput(Output):
    """Change of the gain of one variant from the lower to the upper end of the property."""

    variant: str
    """Variant as named by the user."""
    is_subject: bool
    """True for the variant of the hypothesis; the other variants are for comparison and get no answer."""
    effect: float
    """Change of the accuracy gain over `none` from `low` to `high`, as a fraction."""
    interval: Interval | None
    """Interval of the effect at `level`, over seeds and images; null below three seeds."""
    effect_per_error: float | None
    """Change of the share of the errors of `none` that the variant removes; null if `none` makes hardly any."""
    interval_per_error: Interval | None
    """Interval of that change at `level`; null below three seeds."""
    seeds: int
    """Number of seeds with finished runs of both `none` and the variant."""
    images: int
    """Number of test images."""


class _HypothesisOutput(Output):
    """Result of one hypothesis."""

    hypothesis: str
    """The hypothesis in words."""
    variant: str
    """Variant that the hypothesis is about."""
    predicted: Literal["smaller", "larger"]
    """Predicted change of the gain toward the upper end of the property."""
    answer: Literal["supported", "contradicted", "undecided"] | None
    """Answer by the interval; null if there is no answer."""
    reason: str
    """Result in words, with effects in points, or the missing data and the command that creates it."""
    source: Literal["sweep", "mask", "occlusion", "pixels"] | None
    """Source of the property: cells that differ only in it (sweep), or a measurement per image."""
    property: str
    """Swept option of `scenes`, or name of the measured quantity."""
    low: float | None
    """Lower end of the property: the minimum of the sweep, or the 10th percentile of the images."""
    high: float | None
    """Upper end of the property: the maximum of the sweep, or the 90th percentile of the images."""
    level: float
    """Level of the intervals; both hypotheses share the error rate of 5 %."""
    effects: list[_EffectOutput]
    """Effect of every variant that shares a seed with `none`."""


class HypothesesOutput(Output):
    """Complete output of `foveal hypotheses --json`."""

    schema_version: Literal[2] = Field(default=2, alias="schema")
    """Version of this schema. Within a version, fields may be added but not removed."""
    study: str
    """Folder of the study."""
    caveats: list[str]
    """Warnings shown with the answers, such as a weak baseline."""
    hypotheses: list[_HypothesisOutput]
    """Result of each hypothesis."""


def hypotheses(study: Path, *, json: JsonFlag = False) -> None:
    """Test two claims about when attention helps: small objects, varying colors.

    The claims are "spatial attention helps most where the object is small" and "channel attention helps most
    where colors vary". The command reads the records of a study and trains nothing. Evidence is strongest
    from a sweep, such as --grid.data scenes:object_size=0.25,scenes:object_size=0.55

    Parameters
    ----------
    study
        The study folder.
    """
    from foveal.analysis.hypotheses import check_hypotheses
    from foveal.records import read_study

    record = read_study(study)
    findings = check_hypotheses(record)
    if json:
        print_json(_make_hypotheses_output(record, findings))
        return
    stdout.print(_make_hypotheses_table(findings))
    for finding in findings:
        answer = finding.answer or "no answer"
        stdout.print(
            f"[bold]{_capitalize_claim(finding)}[/]: {answer}; {escape(use_minus_signs(finding.reason))}."
        )
    for line in _list_hypothesis_footnotes(record, findings):
        stdout.print(line)


def _make_hypotheses_output(
    record: StudyRecord, findings: list[HypothesisResult]
) -> dict[str, Any]:
    """Return the findings as JSON values, with null for values that do not exist."""
    from foveal.analysis import find_caveats

    output = HypothesesOutput(
        study=str(record.folder),
        caveats=find_caveats(record),
        hypotheses=[_make_hypothesis_output(finding) for finding in findings],
    )
    return output.model_dump(by_alias=True, mode="json")


def _make_hypothesis_output(finding: HypothesisResult) -> _HypothesisOutput:
    """Return the output of one finding."""
    hypothesis = finding.hypothesis
    return _HypothesisOutput(
        hypothesis=hypothesis.claim,
        variant=finding.variant,
        predicted="larger" if hypothesis.sign > 0 else "smaller",
        answer=finding.answer,
        reason=finding.reason,
        source=finding.source,
        property=hypothesis.option if finding.source == "sweep" else hypothesis.covariate,
        low=finding.low,
        high=finding.high,
        level=finding.level,
        effects=[
            _EffectOutput(
                variant=effect.variant,
                is_subject=effect.variant == finding.variant,
                effect=effect.change,
                interval=interval_or_none(effect.interval),
                effect_per_error=(
                    None if math.isnan(effect.change_per_error) else effect.change_per_error
                ),
                interval_per_error=interval_or_none(effect.interval_per_error),
                seeds=effect.seeds,
                images=effect.images,
            )
            for effect in finding.effects
        ],
    )


def _make_hypotheses_table(findings: list[HypothesisResult]) -> Table:
    """Return a table of effects: per hypothesis a row per variant, the variant of the hypothesis first."""
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
    heading = f"{format_level(findings[0].level)} interval"
    table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("per\nerror", justify="right", no_wrap=True)
    table.add_column("answer", no_wrap=True)
    for finding in findings:
        claim = _capitalize_claim(finding)
        rows = [_list_effect_entries(finding, effect) for effect in finding.effects]
        if finding.variant not in [effect.variant for effect in finding.effects]:
            rows.insert(0, [escape(finding.variant), "", "", "", _NO_ANSWER])
        for index, cells in enumerate(rows):
            table.add_row(claim if index == 0 else "", *cells)
        table.add_section()
    return table


def _capitalize_claim(finding: HypothesisResult) -> str:
    """Return the claim of a hypothesis with a capital first letter."""
    claim = finding.hypothesis.claim
    return claim[0].upper() + claim[1:]


def _list_effect_entries(finding: HypothesisResult, effect: Effect) -> list[str]:
    """Return the cells of one variant; only the variant of the hypothesis has an answer."""
    answer = ""
    if effect.variant == finding.variant:
        answer = _NO_ANSWER
        if finding.answer is not None:
            answer = f"[{_ANSWER_COLORS[finding.answer]}]{finding.answer}[/]"
    change, interval = format_points(effect.change), format_interval_or_blank(effect.interval)
    is_known = not math.isnan(effect.change_per_error)
    per_error = format_points(effect.change_per_error) if is_known else ""
    return [escape(effect.variant), change, interval, per_error, answer]


def _list_hypothesis_footnotes(record: StudyRecord, findings: list[HypothesisResult]) -> list[str]:
    """Return the caveats of a study and the explanation of the table."""
    from foveal.analysis import find_caveats

    caveats = [f"[yellow]Caveat[/] {escape(caveat)}" for caveat in find_caveats(record)]
    if not any(finding.effects for finding in findings):
        return caveats
    explanation = (
        "Effect: change of the gain from the lower to the upper end of the property. A decrease with object "
        "size supports the first hypothesis, an increase with color variation the second. Rows without an "
        "answer are for comparison. Where `none` is almost always correct, the gain cannot be large. So the "
        "column per error gives the change of the share of the errors of `none` that the variant removes. A "
        "change that other variants and controls share is not specific to this variant."
    )
    return [*caveats, f"[dim]{explanation}[/]"]
