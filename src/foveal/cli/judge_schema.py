"""Schema of the output of `foveal judge --json`, and the functions that fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from foveal.analysis.course import compute_next_boundary
from foveal.cli.comparison_schema import SequentialOutput, make_shared_fields
from foveal.cli.json_values import Interval, Output, convert_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foveal.stats import Comparison, DataJudgment, JudgeDesign, Judgment, SelfCheck


class JudgedRunsOutput(Output):
    """Runs of one variant on one data set; values are in the unit of the table."""

    data: str
    """Data set; empty without a column of data sets."""
    variant: str
    """Name of the variant."""
    seeds: list[int]
    """Seed of each run."""
    values: list[float]
    """Final value of each run."""
    next_seeds: list[int]
    """Seeds to train next; empty if no comparison needs them."""


class JudgedComparisonOutput(Output):
    """Comparison of one variant with the baseline; values and differences are in the unit of the table."""

    data: str
    """Data set; empty without a column of data sets."""
    variant: str
    """Name of the variant."""
    reference: str
    """Name of the baseline."""
    verdict: Literal["better", "worse", "equivalent", "undecided"]
    """Verdict by the rule of foveal.stats."""
    reason: str
    """Reason of the verdict, in a sentence; differences of accuracies are in points."""
    seeds: int
    """Number of seeds that both have; only these count."""
    omitted_runs: int
    """Runs of the variant that are left out, because the baseline lacks their seeds."""
    omitted_reference_runs: int
    """Runs of the baseline that are left out, because the variant lacks their seeds."""
    at_guessing: bool
    """True if the variant is not better than guessing; false if `chance` is unknown."""
    mean: float
    """Mean value of the variant."""
    sd: float | None
    """Standard deviation from run to run; null for one run."""
    difference: float
    """Mean of the variant minus that of the baseline."""
    interval: Interval | None
    """Welch interval of the difference at `level`."""
    level: float
    """Level of the interval: 1 - 0.05 / comparisons, or that of the look of a sequential design."""
    equivalence_interval: Interval | None
    """Welch interval that is compared with the margin (two one-sided tests)."""
    detectable_difference: float | None
    """Smallest difference that these seeds detect with power 0.8."""
    seeds_needed: int | None
    """Estimated seeds per variant that show a difference as large as the margin with 80 % power."""
    seeds_needed_interval: tuple[int, int] | None
    """90 % interval of `seeds_needed`."""
    sequential: SequentialOutput | None
    """Looks of a sequential design; null without one."""
    next_boundary: float | None
    """Difference that decides at the next look, if runs go on to differ as much; null without one."""


class DataSummaryOutput(Output):
    """Differences of one variant over data sets, by random effects; in the unit of the table."""

    variant: str
    """Name of the variant."""
    reference: str
    """Name of the baseline."""
    data_sets: int
    """Number of data sets that count."""
    difference: float
    """Mean difference over data sets."""
    interval: Interval
    """Interval of the mean difference (Paule and Mandel, Hartung and Knapp)."""
    prediction_interval: Interval
    """Interval in which the true difference on another data set lies."""
    sd: float
    """Standard deviation of the true differences between data sets."""
    level: float
    """Level of both intervals."""


class SuspicionOutput(Output):
    """Sign that the runs are not what a verdict assumes."""

    kind: str
    """Kind of the suspicion."""
    text: str
    """The suspicion in a sentence."""


class JudgeDesignOutput(Output):
    """Design of a sequential judgment."""

    variants: list[str]
    """Variants that are compared with the baseline."""
    data: list[str]
    """Data sets; one empty name without a column of data sets."""
    max_seeds: int
    """Number of seeds per variant at the last look."""
    looks: list[int]
    """Numbers of seeds per variant at which a comparison looks."""
    difference_levels: list[float]
    """Two-sided level of the interval at each look."""
    equivalence_levels: list[float]
    """One-sided level of the interval that is compared with the margin, at each look."""
    seeds: list[int]
    """Seeds in the order in which they count."""


class SelfCheckOutput(Output):
    """Comparisons of random halves of the runs of the baseline on one data set."""

    data: str
    """Data set; empty without a column of data sets."""
    runs: int
    """Number of runs of the baseline."""
    repeats: int
    """Number of random splits."""
    different: int
    """Number of splits whose halves were called different."""
    expected_share: float
    """Share of splits that is expected."""


class JudgeOutput(Output):
    """Complete output of `foveal judge --json`."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """Version of this schema. Within a version, fields may be added but not removed."""
    baseline: str
    """Name of the baseline."""
    outcome: str
    """Name of the outcome."""
    lower_is_better: bool
    """True for losses and errors."""
    best_epochs: bool
    """True if the values are best epochs or maxima over epochs, which favor variants that vary more."""
    margin: float | None
    """Largest difference that counts as equivalent; null if none was given."""
    exit_code: int
    """Exit code with --exit-code: 0 better, 10 equivalent, 11 undecided, 12 worse."""
    comparisons: list[JudgedComparisonOutput]
    """Comparison of every variant with the baseline, for each data set."""
    runs: list[JudgedRunsOutput]
    """Runs of every variant, for each data set."""
    is_new_study: list[str]
    """Data sets for which `next_seeds` are those of a new study: more seeds here would be wrong too often."""
    data_summaries: list[DataSummaryOutput]
    """Each variant over all data sets, from five of them on; empty with fewer, and in a sequential judgment."""
    suspicions: list[SuspicionOutput]
    """Signs that the runs are not what a verdict assumes."""
    unchecked: list[str]
    """Checks that could not be made."""
    notes: list[str]
    """What was guessed or left out."""
    design: JudgeDesignOutput | None
    """Design of a sequential judgment; null without one."""
    self_checks: list[SelfCheckOutput]
    """Result of --self-check on each data set."""


def make_judge_output(judgment: Judgment, checks: Sequence[SelfCheck] = ()) -> dict[str, Any]:
    """Return the output as JSON values."""
    output = JudgeOutput(
        baseline=judgment.baseline,
        outcome=judgment.outcome,
        lower_is_better=judgment.lower_is_better,
        best_epochs=judgment.is_best,
        margin=judgment.margin,
        exit_code=judgment.exit_code,
        comparisons=[
            _make_comparison_output(part.data, each, judgment)
            for part in judgment.parts
            for each in part.comparisons
        ],
        runs=[each for part in judgment.parts for each in _make_runs_output(part)],
        is_new_study=[part.data for part in judgment.parts if part.is_new_study],
        data_summaries=_make_summary_outputs(judgment),
        suspicions=[
            SuspicionOutput(kind=each.kind, text=each.text) for each in judgment.suspicions
        ],
        unchecked=list(judgment.unchecked),
        notes=list(judgment.notes),
        design=None if judgment.design is None else _make_design_output(judgment.design),
        self_checks=[
            SelfCheckOutput(
                data=each.data,
                runs=each.runs,
                repeats=each.repeats,
                different=each.different,
                expected_share=1 - each.level,
            )
            for each in checks
        ],
    )
    return output.model_dump(by_alias=True, mode="json")


def _make_summary_outputs(judgment: Judgment) -> list[DataSummaryOutput]:
    """Return the output of each variant over all data sets."""
    from foveal.stats import summarize_data_sets

    to_table = judgment.scale.to_table
    outputs = []
    for each in summarize_data_sets(judgment):
        outputs.append(
            DataSummaryOutput(
                variant=each.variant,
                reference=each.reference,
                data_sets=each.effects.data_sets,
                difference=to_table(each.effects.mean),
                interval=convert_interval(each.effects.interval, to_table),
                prediction_interval=convert_interval(each.effects.prediction_interval, to_table),
                sd=abs(to_table(each.effects.sd)),
                level=each.effects.level,
            )
        )
    return outputs


def _make_design_output(design: JudgeDesign) -> JudgeDesignOutput:
    """Return the output of a design."""
    return JudgeDesignOutput(
        variants=list(design.variants),
        data=list(design.data),
        max_seeds=design.looks.max_seeds,
        looks=list(design.looks.looks),
        difference_levels=list(design.looks.difference_levels),
        equivalence_levels=list(design.looks.equivalence_levels),
        seeds=list(design.seeds),
    )


def _make_runs_output(part: DataJudgment) -> list[JudgedRunsOutput]:
    """Return the runs of each variant, also of those without any."""
    names = dict.fromkeys([*part.runs, *part.next_runs])
    return [
        JudgedRunsOutput(
            data=part.data,
            variant=name,
            seeds=list(part.runs[name].seeds) if name in part.runs else [],
            values=part.runs[name].values.tolist() if name in part.runs else [],
            next_seeds=list(part.next_runs.get(name, ())),
        )
        for name in names
    ]


def _make_comparison_output(
    data: str, comparison: Comparison, judgment: Judgment
) -> JudgedComparisonOutput:
    """Return the output of one comparison in the unit of the table."""
    scale, design = judgment.scale, judgment.design
    boundary = None if design is None else compute_next_boundary(comparison, design.looks)
    return JudgedComparisonOutput(
        data=data,
        **make_shared_fields(comparison, scale.to_table),
        next_boundary=None if boundary is None else abs(scale.to_table(boundary)),
    )
