"""Tables of the stored costs of variants, for the report and for `foveal cost STUDY`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.text_format import BYTES_PER_MB, with_percent_change
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_Costs = Sequence[Mapping[str, Any]]
"""Costs of variants as `foveal.analysis.list_variant_costs` returns them, at least one."""

_COLUMNS: Final = (
    ("parameters", "parameters", "{:,.0f}", 1),
    ("macs", "multiply-adds per image", "{:,.0f}", 1),
    ("element_operations", "elementwise ops per image", "{:,.0f}", 1),
    ("saved_bytes", "saved for backward, MB", "{:,.1f}", BYTES_PER_MB),
    ("training_seconds", "training per run, s", "{:,.1f}", 1),
)
"""Key, heading and format of each column, and the divisor of its values."""
_MAX_GATE_ROWS: Final = 12


def make_variant_cost_table(costs: _Costs, *, show_cells: bool = False) -> Table:
    """Return a table with one row per variant, each number with its change from the baseline of its cell."""
    baselines = {cost["cell"]: cost for cost in costs if cost["variant"] == BASELINE}
    rows = []
    for cost in costs:
        name = f"{cost['cell']} {cost['variant']}".strip() if show_cells else cost["variant"]
        rows.append((name, *_list_cost_cells(cost, baselines.get(cost["cell"], {}))))
    return Table(
        "Cost of the variants",
        ("variant", *(heading for _, heading, _, _ in _COLUMNS)),
        tuple(rows),
        _describe_cost_columns(costs),
    )


def _list_cost_cells(cost: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """Return the numbers of a row, each with its change from the baseline in a second line."""
    return [
        with_percent_change(form.format(cost[key] / divisor), cost[key], baseline.get(key, 0))
        for key, _, form, divisor in _COLUMNS
    ]


def _describe_cost_columns(costs: _Costs) -> str:
    """Return the note below the table of costs."""
    batch_sizes = " or ".join(map(str, sorted({cost["batch_size"] for cost in costs})))
    uncounted = sorted({name for cost in costs for name in cost["uncounted"]})
    note = (
        f"A second number is the change from {BASELINE}. Parameters and multiply-adds show almost nothing of "
        "the cost of a gate: it reads and writes whole feature maps, which are elementwise operations (all "
        "arithmetic but multiply-adds), and saves "
        f"them for the backward pass of a batch of {batch_sizes}. MB is 2^20 bytes. {_describe_times(costs)}"
    )
    return f"{note} Not counted: {', '.join(uncounted)}." if uncounted else note


def _describe_times(costs: _Costs) -> str:
    """Return where the training times are from."""
    if all(cost["step_seconds"] for cost in costs):
        return (
            "Times are those of training steps, measured once, all variants in turns, before the first run, "
            "without evaluation."
        )
    return (
        "Times are medians over the seeds, without evaluation. No steps were timed in turns, "
        "so other programs may have made them longer."
    )


def make_gate_cost_table(costs: _Costs) -> Table:
    """Return a table of the gates that save most for the backward pass."""
    gates = [(cost["variant"], site) for cost in costs for site in cost["sites"]]
    gates.sort(key=lambda gate: -gate[1]["saved_bytes"])
    rows = [
        (
            variant,
            site["site"],
            f"{site['parameters']:,}",
            f"{site['macs']:,}",
            f"{site['element_operations']:,}",
            f"{site['saved_bytes'] / BYTES_PER_MB:,.2f}",
        )
        for variant, site in gates[:_MAX_GATE_ROWS]
    ]
    return Table(
        "Most expensive gates",
        ("variant", "site", "parameters", "multiply-adds", "elementwise ops", "saved, MB"),
        tuple(rows),
        f"Additional cost of each gate for one batch of {costs[0]['batch_size']}.",
        text_headings=("site",),
    )


def make_stored_layer_table(cost: Mapping[str, Any]) -> Table:
    """Return the stored table of the layers of a variant."""
    headings = tuple(cost["layer_headings"])
    rows = tuple(tuple(row) for row in cost["layers"])
    return Table(f"Layers of {cost['variant']}", headings, rows, text_headings=headings[1:2])
