"""Schema of the output of `foveal report --json`, and the function that fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from foveal.cli.json_values import Interval, Output, get_cell_label, interval_or_none, nan_to_none

if TYPE_CHECKING:
    from pathlib import Path

    from foveal.records import StudyRecord
    from foveal.stats import Comparison


class ClassDifferenceOutput(Output):
    """Difference in the accuracy of one class, as a fraction."""

    name: str
    """Name of the class."""
    test_images: int
    """Number of its test images."""
    difference: float | None
    """Mean accuracy of the variant minus that of the reference; null without test images."""
    interval: Interval | None
    """Interval; those of all classes and comparisons hold together in 95 % of studies."""


class EffectOutput(Output):
    """Sizes of the difference of one comparison, over the seeds that both variants have."""

    cell: str
    """Cell of the grid, as option=value; empty without a grid."""
    variant: str
    """Variant as named by the user."""
    reference: str
    """`none`, or a control of the variant."""
    level: float
    """Level of `removed_errors_interval`, and that of the intervals of all classes together."""
    difference_over_sd: float | None
    """Difference in standard deviations of the reference from seed to seed."""
    reference_sd: float | None
    """This standard deviation, as a fraction."""
    removed_errors: float | None
    """Share of the errors of the reference that the variant removes; negative if it adds errors."""
    removed_errors_interval: Interval | None
    """Interval of this share."""
    win_chance: float
    """Chance that a run of the variant beats a run of the reference; ties count half."""
    win_chance_interval: Interval | None
    """95 % interval of this chance; null below five seeds."""
    classes: list[ClassDifferenceOutput]
    """Difference in each class."""


class TrainingOutput(Output):
    """End of the learning curve and training time of one variant; times in seconds, without evaluation."""

    cell: str
    """Cell of the grid, as option=value; empty without a grid."""
    variant: str
    """Variant as named by the user."""
    final_slope: float | None
    """Slope of the test accuracy in the last tenth of the epochs, a fraction per epoch; null for one epoch."""
    final_slope_sd: float | None
    """Standard deviation of this slope from seed to seed."""
    final_epochs: int | None
    """Number of these epochs."""
    step_seconds: float | None
    """Time of a training step, measured before the first run, all variants in turns."""
    training_seconds: float
    """Training time of a run, from its steps; without step times the median over the runs."""
    runs_over_steps: float | None
    """Median training time of the runs divided by `training_seconds`; null without step times."""
    slowest_over_fastest: float
    """Training time of the slowest run divided by that of the fastest."""
    has_reliable_time: bool
    """False if the times of the cell contradict one another: then no time of it should be used."""


class ReportOutput(Output):
    """Complete output of `foveal report --json`; the lists are empty for one run and for `--compare`."""

    schema_version: Literal[2] = Field(default=2, alias="schema")
    """Version of this schema. Within a version, fields may be added but not removed."""
    report: str
    """Path of the HTML report."""
    folder: str
    """Folder of the report with its tables and figures."""
    effects: list[EffectOutput]
    """Sizes of the difference of each comparison."""
    training: list[TrainingOutput]
    """Training of each variant that has finished runs."""


def make_report_output(page: Path, study: StudyRecord | None) -> dict[str, Any]:
    """Return the output as JSON values; `study` is None for a page about something else."""
    from foveal.analysis import compare_cell_variants

    cells = list(study.split_by_cell()) if study is not None else []
    output = ReportOutput(
        report=str(page),
        folder=str(page.parent),
        effects=[
            _make_effect_output(cell, comparison)
            for cell in cells
            for comparison in compare_cell_variants(cell)
        ],
        training=[each for cell in cells for each in _list_training_outputs(cell)],
    )
    return output.model_dump(by_alias=True, mode="json")


def _make_effect_output(cell: StudyRecord, comparison: Comparison) -> EffectOutput:
    """Return the output of one comparison."""
    from foveal.analysis import compare_classes, compute_effect_sizes

    sizes = compute_effect_sizes(cell, comparison)
    removed = sizes.removed_errors
    return EffectOutput(
        cell=get_cell_label(cell),
        variant=comparison.variant,
        reference=comparison.reference,
        level=comparison.level,
        difference_over_sd=sizes.difference_over_sd,
        reference_sd=sizes.reference_sd,
        removed_errors=removed.share if removed else None,
        removed_errors_interval=interval_or_none(removed.interval) if removed else None,
        win_chance=sizes.win_chance.chance,
        win_chance_interval=interval_or_none(sizes.win_chance.interval),
        classes=[
            ClassDifferenceOutput(
                name=each.name,
                test_images=each.test_images,
                difference=nan_to_none(each.difference),
                interval=interval_or_none(each.interval),
            )
            for each in compare_classes(cell, comparison)
        ],
    )


def _list_training_outputs(cell: StudyRecord) -> list[TrainingOutput]:
    """Return the output of the training of each variant of a cell."""
    from foveal.analysis import compute_final_slopes, compute_training_times

    slopes = compute_final_slopes(cell)
    outputs = []
    for variant, times in compute_training_times(cell).items():
        slope = slopes.get(variant)
        outputs.append(
            TrainingOutput(
                cell=get_cell_label(cell),
                variant=variant,
                final_slope=slope.slope if slope else None,
                final_slope_sd=slope.sd if slope else None,
                final_epochs=slope.epochs if slope else None,
                step_seconds=times.step_seconds,
                training_seconds=times.training_seconds,
                runs_over_steps=times.runs_over_steps,
                slowest_over_fastest=times.slowest_over_fastest,
                has_reliable_time=times.has_reliable_time,
            )
        )
    return outputs
