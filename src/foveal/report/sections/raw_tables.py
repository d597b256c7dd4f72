"""Raw tables section: every run, the sources of uncertainty, and the claims about attention, folded."""

from __future__ import annotations

from foveal.records import StudyRecord
from foveal.report.blocks import Block, Fold, Section, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_comparison_name
from foveal.report.sections.hypotheses import build_hypothesis_blocks
from foveal.stats import Comparison
from foveal.text_format import ABSENT_VALUE, format_percent, format_seconds
from foveal.text_tables import Table


def build_raw_tables_section(cell: CellView, study: StudyRecord | None = None) -> Section:
    """Return the tables of one cell; with `study`, the claims that its whole grid tests as well."""
    runs = TableBlock(f"runs{cell.suffix}", _build_run_table(cell))
    blocks: list[Block] = [
        Fold("Every run", "accuracy, loss, calibration, time", (runs,)),
        *_build_uncertainty_fold(cell),
    ]
    if study is not None:
        blocks.append(build_claims_fold(study))
    return Section(f"raw{cell.suffix}", "Raw tables", tuple(blocks))


def build_claims_fold(study: StudyRecord) -> Fold:
    """Return the claims about attention that the whole study tests."""
    claims = tuple(build_hypothesis_blocks(study))
    return Fold("Does attention help most with small objects or colors?", "two claims", claims)


def _build_run_table(cell: CellView) -> Table:
    """Return a table with one row per run."""
    rows = [
        (
            group.variant,
            str(run.results["seed"]),
            format_percent(run.results["test_accuracy"]),
            format_percent(run.results["train_accuracy"]),
            f"{run.results['test_loss']:.3f}",
            f"{run.results['train_loss']:.3f}",
            format_percent(run.results["calibration_error"]),
            format_seconds(run.results["seconds"]),
        )
        for group in cell.groups
        for run in group.runs
    ]
    headings = (
        "variant",
        "seed",
        "test accuracy, %",
        "train accuracy, %",
        "test loss",
        "train loss",
        "calibration error, %",
        "time, s",
    )
    return Table("Every run", headings, tuple(rows))


def _build_uncertainty_fold(cell: CellView) -> list[Block]:
    """Return a table of the seed uncertainty and the test-set uncertainty of each difference."""
    splits = [
        (comparison, comparison.variance_split)
        for comparison in cell.comparisons
        if comparison.variance_split
    ]
    if not splits:
        return []
    rows = [
        (
            format_comparison_name(comparison),
            format_percent(split.seed_error),
            format_percent(split.image_error) if split.image_error else "not measurable",
            format_percent(split.total_error),
            format_percent(split.finite_test_share, 0),
            _format_spread_ratio(comparison),
        )
        for comparison, split in splits
    ]
    note = (
        "Standard errors of the difference, in percentage points. The verdict is about other seeds on these "
        "test images. Other test images would add the test-set uncertainty, which more seeds cannot reduce. "
        "Where seeds vary too much, it cannot be told from theirs, which does not mean that it is 0. "
        "Both together are the root of the sum of the squares. The next column is the share of the variance "
        "due to seeds that exists only because the test set is finite. The last one is the standard deviation "
        "of the variant divided by that of its reference, with its F interval. None of these numbers changes "
        "the verdict."
    )
    headings = (
        "variant",
        "seed uncertainty",
        "test-set uncertainty",
        "both",
        "due to the finite test set, %",
        "ratio of sd",
    )
    table = Table("Uncertainty of the differences", headings, tuple(rows), note)
    block = TableBlock(f"uncertainty{cell.suffix}", table)
    return [Fold("Uncertainty of the differences", "seeds and test images", (block,))]


def _format_spread_ratio(comparison: Comparison) -> str:
    """Return the ratio of the standard deviations with its interval in a second line."""
    ratio = comparison.spread_ratio
    if ratio is None:
        return ABSENT_VALUE
    low, high = ratio.interval
    return f"{ratio.ratio:.2f}\n{low:.2f} to {high:.2f}"
