"""Sizes of the differences that a reviewer asks for: in deviations, in errors, run against run, slopes."""

from __future__ import annotations

import math

from foveal.analysis import FinalSlope, compute_effect_sizes, compute_final_slopes
from foveal.report.blocks import Fold, TableBlock
from foveal.report.cell_view import CellView
from foveal.report.number_text import format_comparison_name
from foveal.stats import RemovedErrors, WinChance
from foveal.text_format import (
    ABSENT_VALUE,
    format_percent,
    format_points,
    format_rounded_points,
    use_minus_signs,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


def build_evidence_fold(cell: CellView) -> list[Fold]:
    """Return the table of sizes of the differences, folded; empty without a comparison."""
    if cell.study is None or not cell.comparisons:
        return []
    slopes = compute_final_slopes(cell.study)
    rows: list[tuple[str, ...]] = []
    for comparison in cell.comparisons:
        sizes = compute_effect_sizes(cell.study, comparison)
        is_main = comparison.reference == BASELINE
        rows.append(
            (
                format_comparison_name(comparison),
                ABSENT_VALUE
                if sizes.difference_over_sd is None
                else use_minus_signs(f"{sizes.difference_over_sd:+.1f}"),
                _format_removed_errors(sizes.removed_errors),
                _format_win_chance(sizes.win_chance),
                _format_slope(slopes.get(comparison.variant) if is_main else None),
            )
        )
    if BASELINE in slopes:
        dashes = [ABSENT_VALUE] * 3
        rows.insert(0, (BASELINE, *dashes, _format_slope(slopes[BASELINE])))
    headings = (
        "variant",
        f"difference in sd of {BASELINE}",
        f"errors of {BASELINE} removed",
        f"chance that a run beats one of {BASELINE}",
        "slope at the end, points an epoch",
    )
    table = Table(
        "Sizes of the differences",
        headings,
        tuple(rows),
        _explain(slopes, has_looks=cell.is_sequential),
    )
    block = TableBlock(f"sizes{cell.suffix}", table)
    hint = (
        "in standard deviations, as a share of the errors, one run against another, gain per epoch at the "
        "end"
    )
    return [Fold("Sizes of the differences", hint, (block,))]


def _explain(slopes: dict[str, FinalSlope], *, has_looks: bool) -> str:
    """Return the note of the table."""
    note = (
        "The reference of a row with a control is that control. The share of errors has the interval of the "
        "difference, divided by the errors of the reference. The chance is the share of all pairs "
        "of a run of each, ties counted half, with a 95 % "
        "interval "
        "from five seeds on."
    )
    if has_looks:
        note += (
            " That interval does not account for the looks of this study; that of the errors does."
        )
    if slopes:
        count = max(slope.epochs for slope in slopes.values())
        last = "last epoch" if count == 1 else f"last {count} epochs, a tenth of the training"
        note += f" The slope is that of the test accuracy over the {last}."
    return note


def _format_removed_errors(removed: RemovedErrors | None) -> str:
    """Return the share of errors that a variant removes, with its interval in a second line."""
    if removed is None:
        return ABSENT_VALUE
    share = f"{format_rounded_points(removed.share, 1)} %"
    low, high = removed.interval
    if math.isnan(low):
        return share
    return f"{share}\n{format_rounded_points(low, 1)} to {format_rounded_points(high, 1)} %"


def _format_win_chance(win: WinChance) -> str:
    """Return the chance of a win in percent, with its interval in a second line."""
    low, high = win.interval
    chance = f"{format_percent(win.chance, 0)} %"
    if math.isnan(low):
        return chance
    return f"{chance}\n{format_percent(low, 0)} to {format_percent(high, 0)} %"


def _format_slope(slope: FinalSlope | None) -> str:
    """Return the slope at the end of training, with its standard deviation over the seeds."""
    if slope is None:
        return ABSENT_VALUE
    deviation = "" if slope.sd is None else f" ± {format_percent(slope.sd)}"
    return f"{format_points(slope.slope)}{deviation}"
