"""Numbers of comparisons and costs as the tables of a report show them."""

from __future__ import annotations

import math

from foveal.stats import Comparison
from foveal.text_format import (
    ABSENT_VALUE,
    choose_point_decimals,
    format_rounded_points,
    use_minus_signs,
)
from foveal.variant_names import BASELINE, get_variant_name


def format_comparison_name(comparison: Comparison) -> str:
    """Return the name of a comparison: the variant, and the control if it is compared with one."""
    if comparison.reference == BASELINE:
        return comparison.variant
    return f"{comparison.variant} minus {get_variant_name(comparison.reference)}"


def format_difference(comparison: Comparison) -> str:
    """Return the difference in points: one decimal, or two where half of its interval is under a point."""
    return format_rounded_points(
        comparison.difference, choose_point_decimals(comparison.deciding_interval)
    )


def format_interval(comparison: Comparison, interval: tuple[float, float] | None = None) -> str:
    """Return the interval that decides, or another one, in points; a dash without one."""
    interval = comparison.deciding_interval if interval is None else interval
    if math.isnan(interval[0]):
        return ABSENT_VALUE
    decimals = choose_point_decimals(comparison.deciding_interval)
    return " to ".join(format_rounded_points(bound, decimals) for bound in interval)


def describe_missing_verdict(comparison: Comparison) -> str:
    """Return why there can be no verdict, for the cell of a table; empty if there can be one."""
    if comparison.has_learned_nothing:
        return "no better than guessing"
    if comparison.detectable_difference is None:
        return "too few seeds" if comparison.seeds < 3 else "no spread"
    return ""


def describe_basis(comparison: Comparison) -> str:
    """Return why there can be no verdict, or the seeds of the look on which it rests; otherwise empty."""
    reason = describe_missing_verdict(comparison)
    if reason or comparison.sequential is None:
        return reason
    return f"at {comparison.seeds} seeds"


def format_parameters(count: int) -> str:
    """Return a number of parameters, in millions from a million on.

    >>> format_parameters(2_202_122), format_parameters(1010)
    ('2.202 M', '1,010')
    """
    return f"{count / 1e6:.4g} M" if count >= 1_000_000 else f"{count:,}"


def format_change(value: float, baseline: float) -> str:
    """Return the change from a baseline in percent, roughly; a dash for none.

    >>> format_change(110, 62), format_change(2205348, 2202122), format_change(1, 1)
    ('+77 %', '+0.1 %', '–')
    """
    if not baseline or value == baseline:
        return ABSENT_VALUE
    change = 100 * (value / baseline - 1)
    return use_minus_signs(f"{change:+.0f} %" if abs(change) >= 1 else f"{change:+.1g} %")
