"""Schema of the output of `foveal ablate --json`, and the functions that fill it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from foveal.cli.comparison_schema import ComparisonOutput, make_comparison_output
from foveal.cli.json_values import Interval, Output, get_cell_label
from foveal.records import list_result_rows

if TYPE_CHECKING:
    from pathlib import Path

    from foveal.records import StudyRecord
    from foveal.stats import Comparison


class RunOutput(Output):
    """One finished run."""

    cell: str
    """Cell of the grid, as option=value; empty without a grid."""
    variant: str
    """Variant as named by the user."""
    seed: int
    """Seed of the run."""
    test_accuracy: float
    """Accuracy on the test set after the last epoch, as a fraction."""
    test_loss: float
    """Cross-entropy on the test set after the last epoch."""
    top5_accuracy: float | None
    """Share of test images whose class is among the five most probable; null below 20 classes."""
    train_accuracy: float
    """Accuracy over the training batches of the last epoch, as a fraction."""
    train_loss: float
    """Cross-entropy over the training batches of the last epoch."""
    calibration_error: float
    """Expected calibration error over 15 bins."""
    parameters: int
    """Parameters of the network."""
    epochs: int
    """Number of epochs."""
    run: str
    """Folder of the run, relative to runs/."""
    time_seconds: float
    """Duration of the run in seconds."""
    time_images_per_second: float
    """Training images per second."""
    date_finished: str
    """Time at which the run was finished, in UTC."""


class EpochGainOutput(Output):
    """Gain of test accuracy in the last epoch: more than the margin, so longer training comes first."""

    variant: str
    """Variant as named by the user."""
    gain: float
    """Mean gain of its runs, as a fraction."""


class SeedOutlookOutput(Output):
    """The study of `command` with another number of seeds per variant."""

    seeds: int
    """Seeds per variant."""
    detectable_differences: Interval
    """Smallest true difference found with 80 % power: the range over the undecided comparisons."""
    extra_seconds: float
    """Time of its runs, one after another, in seconds."""


class NextStepsOutput(Output):
    """Steps that would decide the undecided comparisons of a cell."""

    cell: str
    """Cell of the grid, as option=value; empty without a grid."""
    last_epoch_gains: list[EpochGainOutput]
    """Variants whose accuracy still rose by more than the margin."""
    outlook: list[SeedOutlookOutput]
    """Studies with more seeds; empty below three seeds."""
    command: str
    """Command of the first step: a longer study, otherwise one with more seeds."""
    epochs: int
    """Epochs of this step."""
    seeds: int
    """Seeds per variant of this step."""
    seconds: float
    """Time of its runs, one after another, in seconds."""
    detectable_difference: float | None
    """True difference found with 80 % power if seeds differ as much as here; null without an estimate."""


class AblateOutput(Output):
    """Complete output of `foveal ablate --json`."""

    schema_version: Literal[2] = Field(default=2, alias="schema")
    """Version of this schema. Within a version, fields may be added but not removed."""
    study: str
    """Folder of the study."""
    trained: int
    """Number of runs that this command trained."""
    missing: int
    """Number of runs that are still missing, such as those of other shards."""
    warnings: list[str]
    """Warnings during the runs, such as quarantined damaged runs that were trained again."""
    caveats: list[str]
    """Warnings shown with the verdicts: a weak baseline, different sites, small controls."""
    runs: list[RunOutput]
    """Every finished run of the study."""
    comparisons: list[ComparisonOutput]
    """Comparison of every variant that has runs with `none`, then with its controls."""
    next_steps: list[NextStepsOutput]
    """Steps that would decide, for each cell with an undecided comparison."""
    report: str | None
    """Path of the HTML report; null before the first finished run."""


def make_ablate_output(
    record: StudyRecord,
    by_cell: list[tuple[StudyRecord, list[Comparison]]],
    *,
    trained: int,
    missing: int,
    warnings: list[str],
    page: Path | None,
) -> dict[str, Any]:
    """Return the output as JSON values; `by_cell` has the record of each cell with its comparisons."""
    from foveal.analysis import find_caveats

    output = AblateOutput(
        study=str(record.folder),
        trained=trained,
        missing=missing,
        warnings=warnings,
        caveats=find_caveats(record),
        runs=_make_run_outputs(record),
        comparisons=[
            make_comparison_output(get_cell_label(cell), comparison)
            for cell, comparisons in by_cell
            for comparison in comparisons
        ],
        next_steps=[
            output
            for cell, comparisons in by_cell
            if (output := _make_next_steps_output(cell, comparisons))
        ],
        report=None if page is None else str(page),
    )
    return output.model_dump(by_alias=True, mode="json")


def _make_run_outputs(record: StudyRecord) -> list[RunOutput]:
    """Return the output of every run, with the options of the grid combined into one field."""
    fields = set(RunOutput.model_fields)
    return [
        RunOutput(
            cell=record.get_cell(run).label,
            **{name: value for name, value in row.items() if name in fields},
        )
        for run, row in zip(record.runs, list_result_rows(record), strict=True)
    ]


def _make_next_steps_output(
    cell: StudyRecord, comparisons: list[Comparison]
) -> NextStepsOutput | None:
    """Return the steps that would decide in a cell, or None if nothing is undecided."""
    from foveal.analysis import find_next_steps

    next_steps = find_next_steps(cell, comparisons)
    if next_steps is None:
        return None
    return NextStepsOutput(
        cell=get_cell_label(cell),
        last_epoch_gains=[
            EpochGainOutput(variant=variant, gain=gain)
            for variant, gain in next_steps.last_epoch_gains.items()
        ],
        outlook=[SeedOutlookOutput(**asdict(row)) for row in next_steps.outlook],
        command=next_steps.command,
        epochs=next_steps.epochs,
        seeds=next_steps.seeds,
        seconds=next_steps.seconds,
        detectable_difference=next_steps.detectable_difference,
    )
