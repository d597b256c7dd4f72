"""What gates turned out to do, over the seeds of a variant, out of what their runs left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveal.records.run import Arrays


@dataclass(frozen=True)
class GateSummary:
    """One gate of one variant: in how many seeds it was found to be what, and means over the seeds.

    `useless` is the share of seeds in which the network could do without it.
    """

    variant: str
    gate: str
    kind: str
    findings: dict[str, int]
    mean: float
    between_images: float
    moved: float
    useless: float


def summarize_gates(left: Sequence[tuple[str, Arrays | None]]) -> list[GateSummary]:
    """Return what was found of each gate by runs, each beside the name of its variant."""
    by_gate: dict[tuple[str, str], list[dict[str, str | float]]] = {}
    names = ("kind", "finding", "mean", "between_images", "moved", "useless")
    for variant, arrays in left:
        if arrays and "useless" in arrays:  # of an earlier version it is not known
            for k, gate in enumerate(arrays["name"].tolist()):
                row = {name: arrays[name][k].item() for name in names}
                by_gate.setdefault((variant, gate), []).append(row)
    return [
        GateSummary(
            variant=variant,
            gate=gate,
            kind=str(rows[0]["kind"]),
            findings=dict(Counter(str(row["finding"]) for row in rows)),
            **{
                name: float(np.mean([float(row[name]) for row in rows]))
                for name in ("mean", "between_images", "moved", "useless")
            },
        )
        for (variant, gate), rows in by_gate.items()
    ]
