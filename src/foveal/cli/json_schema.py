"""What `foveal ablate --json` prints: its schema, and how it is filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from foveal.records import list_result_rows
from foveal.records.study import cell_of

if TYPE_CHECKING:
    from pathlib import Path

    from foveal.records import StudyRecord
    from foveal.stats import Comparison

Interval = tuple[float, float]


class Output(BaseModel):
    """A part of the output; a field that is not here is not printed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RunOutput(Output):
    """One finished run."""

    cell: str
    """The cell of the grid, as option=value; empty without a grid."""
    variant: str
    """The variant as it was asked for."""
    seed: int
    """The seed."""
    test_accuracy: float
    """Accuracy on the test set after the last epoch, as a fraction."""
    test_loss: float
    """Cross-entropy on the test set after the last epoch."""
    top5_accuracy: float | None
    """Share of test images whose class is among the first five; null below 20 classes."""
    train_accuracy: float
    """Accuracy over the batches of the last epoch, as a fraction."""
    train_loss: float
    """Cross-entropy over the batches of the last epoch."""
    calibration_error: float
    """Expected calibration error over 15 bins."""
    parameters: int
    """Parameters of the network."""
    epochs: int
    """Epochs trained."""
    run: str
    """Folder of the run below runs/."""
    time_seconds: float
    """Duration of the run."""
    time_images_per_second: float
    """Training images a second."""
    date_finished: str
    """When the run was complete, in UTC."""


class McNemarOutput(Output):
    """Two networks on the same images: says whether these two differ, nothing about the method."""

    only_variant: int
    """Images that only the variant gets right."""
    only_baseline: int
    """Images that only the baseline gets right."""
    p_value: float
    """Exact two-sided p-value."""


class ComparisonOutput(Output):
    """One variant against `none` in the same cell; accuracies and differences are fractions."""

    cell: str
    """The cell of the grid; empty without a grid."""
    variant: str
    """The variant."""
    verdict: Literal["better", "worse", "equivalent", "undecided"]
    """The verdict by the one rule."""
    reason: str
    """Why, in a sentence; differences there are in points."""
    seeds: int
    """Runs per arm, those of the smaller arm."""
    planned_seeds: int
    """Runs per arm that the study was planned for."""
    looked_again: bool
    """Whether there are more runs than planned, which raises the rate of false alarms."""
    mean: float
    """Mean accuracy of the variant."""
    sd: float | None
    """Standard deviation of its accuracy from run to run; null for one run."""
    difference: float
    """Mean accuracy of the variant less that of `none`."""
    interval: Interval | None
    """Welch interval of the difference at `level`: the one that decides and is drawn."""
    level: float
    """Level of the interval, 1 - 0.05 / comparisons."""
    equivalence_interval: Interval | None
    """Welch interval that is held against the margin (two one-sided tests)."""
    margin: float
    """Differences below it are equivalent."""
    detectable: float | None
    """The smallest difference that this design shows with power 0.8."""
    seeds_to_settle: int | None
    """Seeds per arm that show a difference as large as the margin with power 0.8."""
    standard_error_seeds: float | None
    """Standard error of the difference that comes from the seeds."""
    standard_error_images: float | None
    """Standard error of the difference that comes from the finite test set."""
    standard_error_both: float | None
    """Standard error over seeds and test images together, by the two-way bootstrap."""
    mcnemar: McNemarOutput | None
    """With one run per arm."""


class AblateOutput(Output):
    """All that `foveal ablate --json` prints."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """Version of this schema; a field may be added within a version, none is taken away."""
    study: str
    """Folder of the study."""
    trained: int
    """Runs that this command has trained."""
    missing: int
    """Runs that are still to be done, by other shards say."""
    noticed: list[str]
    """What was set aside as damaged and run again."""
    notes: list[str]
    """Sentences that belong beside any verdict: a weak baseline, different places, small controls."""
    runs: list[RunOutput]
    """Every finished run of the study."""
    comparisons: list[ComparisonOutput]
    """Every variant that can be compared with `none`."""
    report: str | None
    """The page; null before the first run is finished."""


def ablate_output(
    record: StudyRecord,
    compared: list[tuple[str, Comparison]],
    *,
    trained: int,
    missing: int,
    noticed: list[str],
    page: Path | None,
) -> dict[str, Any]:
    """Return the output as JSON can hold it; `compared` has the cell of each comparison."""
    output = AblateOutput(
        study=str(record.folder),
        trained=trained,
        missing=missing,
        noticed=noticed,
        notes=list(record.notes),
        runs=run_outputs(record),
        comparisons=[comparison_output(cell, comparison) for cell, comparison in compared],
        report=None if page is None else str(page),
    )
    return output.model_dump(by_alias=True, mode="json")


def run_outputs(record: StudyRecord) -> list[RunOutput]:
    """Return the runs, with the options of the grid as one field."""
    own = set(RunOutput.model_fields)
    return [
        RunOutput(
            cell=cell_of(record, run).label,
            **{name: value for name, value in row.items() if name in own},
        )
        for run, row in zip(record.runs, list_result_rows(record), strict=True)
    ]


def comparison_output(cell: str, found: Comparison) -> ComparisonOutput:
    """Return one comparison; what there is not is null."""
    test = found.mcnemar
    return ComparisonOutput(
        cell=cell,
        variant=found.variant,
        verdict=found.verdict,
        reason=found.reason,
        seeds=found.seeds,
        planned_seeds=found.seeds if found.planned is None else found.planned,
        looked_again=found.looked_again,
        mean=found.mean,
        sd=number(found.sd),
        difference=found.difference,
        interval=interval(found.interval),
        level=found.level,
        equivalence_interval=interval(found.equivalence_interval),
        margin=found.margin,
        detectable=found.detectable,
        seeds_to_settle=found.seeds_to_settle,
        standard_error_seeds=number(found.split.seeds) if found.split else None,
        standard_error_images=number(found.split.images) if found.split else None,
        standard_error_both=found.bootstrap,
        mcnemar=McNemarOutput(
            only_variant=test.only_variant,
            only_baseline=test.only_baseline,
            p_value=test.p_value,
        )
        if test
        else None,
    )


def number(value: float) -> float | None:
    """Return a number, None for what is none."""
    return None if value != value else value


def interval(ends: Interval) -> Interval | None:
    """Return an interval, None where there is none."""
    return None if ends[0] != ends[0] else ends
