"""Outlook of a sequential study: seeds, time and verdicts to expect, by the true difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foveal.analysis import plan_design_looks
from foveal.records import Design
from foveal.stats import simulate_sequential_studies
from foveal.variant_names import BASELINE

_MARGINS: Final = (0.0, 0.5, 1.0, 2.0)
_STUDIES: Final = 2000


@dataclass(frozen=True)
class SequentialOutlook:
    """Expected end of a study whose variants all differ by `difference` points from the baseline.

    `seeds` is the mean number per variant, and `seconds` the mean time of all runs, one after another. The
    shares are of comparisons; the rest ends undecided.
    """

    difference: float
    seeds: float
    seconds: float
    share_better: float
    share_equivalent: float


def list_sequential_outlook(
    design: Design, *, sd: float, seconds_by_variant: Mapping[str, float]
) -> tuple[SequentialOutlook, ...]:
    """Return the outlook for no difference, half a margin, one and two margins; empty without looks.

    Comparisons with the baseline are simulated; those with controls may take more seeds.

    Args:
        design: the design of the study.
        sd: standard deviation of test accuracy from run to run, in points.
        seconds_by_variant: time of one run, by variant with the label of its cell.
    """
    looks = plan_design_looks(design)
    if looks is None:
        return ()
    baseline_seconds = sum(
        seconds for name, seconds in seconds_by_variant.items() if name.split(" (")[0] == BASELINE
    )
    other_seconds = sum(seconds_by_variant.values()) - baseline_seconds
    rows = []
    for margins in _MARGINS:
        outcomes = simulate_sequential_studies(
            looks,
            difference=margins * design.margin,
            margin=design.margin,
            sd=sd,
            variants=max(1, len(design.variants) - 1),
            studies=_STUDIES,
        )
        seeds, baseline_seeds = outcomes.seeds.mean(), outcomes.seeds.max(axis=1).mean()
        rows.append(
            SequentialOutlook(
                difference=margins * design.margin,
                seeds=float(seeds),
                seconds=float(seeds * other_seconds + baseline_seeds * baseline_seconds),
                share_better=outcomes.compute_share(1),
                share_equivalent=outcomes.compute_share(0),
            )
        )
    return tuple(rows)
