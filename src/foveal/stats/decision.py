"""Rule of the verdict: two intervals and a margin, one of four words."""

from __future__ import annotations

from typing import Final, Literal

from foveal.stats.outcome_unit import POINTS, OutcomeUnit

Verdict = Literal["better", "worse", "equivalent", "undecided"]
ALPHA: Final = 0.05
"""Error rate that all comparisons of a study share."""


def choose_verdict(
    interval: tuple[float, float],
    equivalence_interval: tuple[float, float],
    margin: float,
    unit: OutcomeUnit = POINTS,
) -> tuple[Verdict, str]:
    """Return the verdict for the intervals D and E, and its reason; with a margin of 0 none is equivalent."""
    low, high = interval
    ends = " to ".join(unit.format_ends(interval))
    if -margin < equivalence_interval[0] and equivalence_interval[1] < margin:
        size = (
            "a real difference, but smaller than"
            if low > 0 or high < 0
            else "any difference is within"
        )
        return "equivalent", f"{size} the margin of {unit.format_size(margin)}{unit.suffix}"
    if low > 0:
        near = "upper" if unit.factor < 0 else "lower"
        note = f", but its {near} end is under the margin" if low < margin else ""
        side = "below" if unit.factor < 0 else "above"
        return "better", f"the interval from {ends}{unit.suffix} is {side} 0{note}"
    if high < 0:
        near = "lower" if unit.factor < 0 else "upper"
        note = f", but its {near} end is under the margin" if -high < margin else ""
        side = "above" if unit.factor < 0 else "below"
        return "worse", f"the interval from {ends}{unit.suffix} is {side} 0{note}"
    return "undecided", f"the difference may be anywhere from {ends}{unit.suffix}"
