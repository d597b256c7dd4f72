"""Rule of the verdict: two intervals and a margin, one of four words."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["better", "worse", "equivalent", "undecided"]


def format_signed_points(fraction: float) -> str:
    """Return a difference of accuracies in points, with a sign.

    >>> format_signed_points(0.0123)
    '+1.23'
    """
    return f"{100 * fraction:+.2f}"


def choose_verdict(
    interval: tuple[float, float], equivalence_interval: tuple[float, float], margin: float
) -> tuple[Verdict, str]:
    """Return the verdict for the intervals D and E, and its reason."""
    low, high = interval
    ends = f"{format_signed_points(low)} to {format_signed_points(high)}"
    if -margin < equivalence_interval[0] and equivalence_interval[1] < margin:
        size = (
            "a real difference, but smaller than"
            if low > 0 or high < 0
            else "any difference is within"
        )
        return "equivalent", f"{size} the margin of {100 * margin:.2f} points"
    if low > 0:
        note = ", but its lower end is under the margin" if low < margin else ""
        return "better", f"the interval from {ends} points is above 0{note}"
    if high < 0:
        note = ", but its upper end is under the margin" if -high < margin else ""
        return "worse", f"the interval from {ends} points is below 0{note}"
    return "undecided", f"the difference may be anywhere from {ends} points"
