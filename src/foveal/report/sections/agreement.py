"""Agreement of attention, Grad-CAM and occlusion, with the rank of a gate among redrawn ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foveal.records import Arrays
from foveal.report.blocks import TableBlock
from foveal.report.cell_view import CellView
from foveal.text_format import ABSENT_VALUE, use_minus_signs
from foveal.text_tables import Table
from foveal.variant_names import GATE_MODULE_NAME


def build_agreement_table(cell: CellView) -> list[TableBlock]:
    """Return the agreement of attention, Grad-CAM and occlusion, with the rank among redrawn gates."""
    rows = []
    for group in cell.groups:
        extras = [run.extras.get("occlusion", {}) for run in group.runs]
        stored = [arrays for arrays in extras if "agreement_rank" in arrays]
        pairs = stored[0]["agreement_pairs"].tolist() if stored else []
        for index, (first, second) in enumerate(pairs):
            values = np.array([arrays["agreement"][index] for arrays in stored])
            activations = np.array([arrays["agreement_activation"][index] for arrays in stored])
            site = first.rpartition(f".{GATE_MODULE_NAME}")[0] or first
            rows.append(
                (
                    group.variant,
                    f"{site} and {second}",
                    ABSENT_VALUE
                    if np.isnan(values).all()
                    else use_minus_signs(f"{np.nanmean(values):.2f}"),
                    _format_ranks(stored, index),
                    ABSENT_VALUE
                    if np.isnan(activations).all()
                    else use_minus_signs(f"{np.nanmean(activations):.2f}"),
                )
            )
    if not rows:
        return []
    note = (
        "Spearman's rank correlation of two maps over the windows, mean over the probe images and the seeds. "
        "The rank is that of the gate among itself and gates with new random weights at the same site of the "
        "same network; with several seeds, its median and its range. Rank 1 of 21 happens to one gate in 21 "
        "by chance, and a gate in the middle has learned nothing that the map shows. The last column is the "
        "agreement of the mean absolute value of the features at the site, without any gate: attention that "
        "does not exceed it may only repeat where the features are large."
    )
    title = "Agreement of attention, Grad-CAM and occlusion"
    headings = ("variant", "maps", "agreement", "rank among redrawn gates", "features alone")
    table = Table(title, headings, tuple(rows), note, text_headings=("maps",))
    return [TableBlock(f"agreement{cell.suffix}", table)]


def _format_ranks(stored: Sequence[Arrays], index: int) -> str:
    """Return the ranks of one pair of maps over the seeds; a dash for maps without redrawn gates."""
    ranks = np.array([arrays["agreement_rank"][index] for arrays in stored])
    ranks = ranks[~np.isnan(ranks)]
    if not len(ranks):
        return ABSENT_VALUE
    low, median, high = (f"{value:g}" for value in np.quantile(ranks, [0, 0.5, 1]))
    several = f" ({low} to {high})" if low != high else ""
    return f"{median}{several} of {stored[0]['agreement_draws'][index] + 1}"
