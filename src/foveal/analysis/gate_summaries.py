"""Summaries of gates over the seeds of a variant, from the statistics stored with the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveal.analysis.stored_extras import VariantExtra

_AVERAGED_STATISTICS = ("mean", "std_between_images", "distance_from_start", "is_redundant")


@dataclass(frozen=True)
class GateSummary:
    """One gate of one variant: the number of seeds per status, and means over the seeds.

    `std_between_images` is the standard deviation of a gate value over images, `distance_from_start` the
    mean distance from the untrained gate, and `redundant_share` the share of seeds in which the network
    does not need the gate.
    """

    variant: str
    gate: str
    kind: str
    status_counts: dict[str, int]
    mean: float
    std_between_images: float
    distance_from_start: float
    redundant_share: float


def summarize_gates(extras: Sequence[VariantExtra]) -> list[GateSummary]:
    """Return the summary of each gate from the extra `gates` of each run; runs without it are ignored."""
    rows_by_gate: dict[tuple[str, str], list[dict[str, str | float]]] = {}
    for variant, arrays in extras:
        if arrays:
            for index, gate in enumerate(arrays["name"].tolist()):
                row = {
                    name: arrays[name][index].item()
                    for name in ("kind", "status", *_AVERAGED_STATISTICS)
                }
                rows_by_gate.setdefault((variant, gate), []).append(row)
    summaries = []
    for (variant, gate), rows in rows_by_gate.items():
        means = {
            name: float(np.mean([float(row[name]) for row in rows]))
            for name in _AVERAGED_STATISTICS
        }
        summaries.append(
            GateSummary(
                variant=variant,
                gate=gate,
                kind=str(rows[0]["kind"]),
                status_counts=dict(Counter(str(row["status"]) for row in rows)),
                mean=means["mean"],
                std_between_images=means["std_between_images"],
                distance_from_start=means["distance_from_start"],
                redundant_share=means["is_redundant"],
            )
        )
    return summaries
