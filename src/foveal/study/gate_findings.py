"""What gates turned out to do, over the seeds of a variant, out of the records of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveal.explanation.gate_statistics import USELESS
from foveal.records.run import read_extras
from foveal.study.networks import Network


@dataclass(frozen=True)
class GateFinding:
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


def gate_findings(networks: Sequence[Network]) -> list[GateFinding]:
    """Return what was found of each gate of the variants whose runs left it."""
    by_gate: dict[tuple[str, str], list[dict[str, str | float]]] = {}
    for network in networks:
        left = read_extras(network.folder).get("gates", {})
        for k, gate in enumerate(left["name"].tolist() if left else []):
            row = {
                name: left[name][k].item()
                for name in ("kind", "finding", "mean", "between_images", "moved")
            }
            by_gate.setdefault((network.name, gate), []).append(row)
    return [
        GateFinding(
            variant=variant,
            gate=gate,
            kind=str(rows[0]["kind"]),
            findings=dict(Counter(str(row["finding"]) for row in rows)),
            useless=float(np.mean([row["finding"] in USELESS for row in rows])),
            **{
                name: float(np.mean([float(row[name]) for row in rows]))
                for name in ("mean", "between_images", "moved")
            },
        )
        for (variant, gate), rows in by_gate.items()
    ]
