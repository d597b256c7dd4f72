"""Cost section: what each variant needs relative to the baseline, where memory goes, and layers folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foveal.analysis import (
    make_gate_cost_table,
    make_stored_layer_table,
    make_variant_cost_table,
)
from foveal.plotting import SvgCanvas, choose_ticks, format_tick, get_hue, locate_on_axis
from foveal.report.blocks import (
    Block,
    Callout,
    FigureBlock,
    FigureGrid,
    Fold,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.cell_view import CellView
from foveal.text_format import BYTES_PER_MB, shorten_name
from foveal.variant_names import BASELINE

_WIDTH, _LEFT, _RIGHT, _TOP = 480.0, 146.0, 458.0, 10.0
_ROW_HEIGHT: Final = 34.0
_MARKER_SPREAD: Final = 18.0
_BAR_LEFT: Final = 112.0
_BAR_HEIGHT: Final = 18.0
_MAX_SITES: Final = 8
_MAX_SHARE_OF_HALVES: Final = 0.8
"""Share of the memory of both halves of CBAM below which its own needs an explanation."""
_QUANTITIES: Final = (
    ("parameters", "parameters"),
    ("macs", "multiply-adds"),
    ("saved_bytes", "training memory"),
    ("training_seconds", "training time"),
    ("element_operations", "elementwise ops"),
)


def build_costs_section(cell: CellView) -> Section:
    """Return the ratios and the memory as figures, and all tables folded."""
    name, title, costs = f"cost{cell.suffix}", "Cost", cell.costs
    if not costs:
        return Section(name, title, (Callout(_explain_missing_costs(cell)),))
    stored = list(costs.values())
    figures = [_draw_ratios(cell)] if BASELINE in costs and len(costs) > 1 else []
    figures.append(_draw_memory(cell))
    blocks: list[Block] = [Paragraph(_explain(cell)), FigureGrid(tuple(figures), 2, True)]
    tables = [TableBlock(name, make_variant_cost_table(stored))]
    gates = make_gate_cost_table(stored)
    tables += [TableBlock(f"gate-costs{cell.suffix}", gates)] if gates.rows else []
    blocks.append(
        Fold(
            "All numbers",
            "cost of each variant and of the most expensive attention modules",
            (*_warn_of_times(cell), *tables),
        )
    )
    layers = tuple(
        TableBlock(f"layers-{index}{cell.suffix}", make_stored_layer_table(cost))
        for index, cost in enumerate(stored)
    )
    note = Paragraph(
        f"Shapes are (N, C, H, W) for a batch of {stored[0]['batch_size']}. Saved bytes are those that "
        "a layer saves "
        "for the backward pass; MACs are multiply-adds, elements are elementwise operations (all other "
        "arithmetic). An attention module is listed below the layer whose output it weights."
    )
    blocks.append(Fold("Layer by layer", "one table per variant", (note, *layers)))
    return Section(name, title, tuple(blocks))


def _explain_missing_costs(cell: CellView) -> str:
    """Return why there are no costs."""
    if cell.is_single_run:
        return "Costs are stored with a study, not with a single run. Run `foveal ablate` to measure them."
    return (
        "This study has not stored its costs. Complete its runs with `foveal ablate`, without --no-extras, to "
        "store them."
    )


def _explain(cell: CellView) -> str:
    """Return what costs most, with its numbers."""
    costs = cell.costs
    others = [cost for variant, cost in costs.items() if variant != BASELINE]
    if BASELINE not in costs or not others:
        return "What the network needs for a batch of training."
    plain = costs[BASELINE]
    rises = {
        key: 100 * (max(cost[key] / plain[key] for cost in others) - 1)
        for key in ("parameters", "saved_bytes", "training_seconds")
    }
    text = (
        f"Here attention adds at most {rises['parameters']:.2g} % of the parameters, but it reads and "
        "writes whole feature maps: "
        f"up to {rises['saved_bytes']:.0f} % more training memory (the activations saved for the backward "
        "pass)"
    )
    if not cell.has_reliable_times:
        text += ". How much longer it trains is not known: the measured times are not reliable."
    else:
        source = (
            "Times are those of training steps, measured before the first run, all variants in turns."
            if cell.has_step_times
            else "Times are medians of the runs."
        )
        text += f" and {rises['training_seconds']:.0f} % more training time. {source}"
    return text + _explain_shared_memory(costs)


def _explain_shared_memory(costs: Mapping[str, dict[str, Any]]) -> str:
    """Return why CBAM saves less than its halves together; empty if it does not."""
    if not {BASELINE, "channel", "spatial", "cbam"} <= costs.keys():
        return ""
    extra = {
        name: cost["saved_bytes"] - costs[BASELINE]["saved_bytes"] for name, cost in costs.items()
    }
    if extra["cbam"] > _MAX_SHARE_OF_HALVES * (extra["channel"] + extra["spatial"]):
        return ""
    return (
        " `cbam` needs less memory than its halves together, because its kernel saves the feature map "
        "once for both."
    )


def _warn_of_times(cell: CellView) -> list[Block]:
    """Return a warning for tables with times; empty if they are reliable."""
    return [] if cell.has_reliable_times else [Paragraph("The training times are not reliable.")]


def _draw_ratios(cell: CellView) -> FigureBlock:
    """Draw each cost of each variant as a multiple of that of the baseline."""
    costs, plain = cell.costs, cell.costs[BASELINE]
    groups = [
        group for group in cell.groups if group.variant in costs and group.variant != BASELINE
    ]
    quantities = [
        (key, title)
        for key, title in _QUANTITIES
        if plain[key] > 0 and (key != "training_seconds" or cell.has_reliable_times)
    ]
    ratios = {
        (group.variant, key): costs[group.variant][key] / plain[key]
        for group in groups
        for key, _ in quantities
    }
    ticks = choose_ticks(min(1.0, *ratios.values()), max(1.05, *ratios.values()), 4)
    bottom = _TOP + _ROW_HEIGHT * len(quantities)
    canvas = SvgCanvas(_WIDTH, bottom + 36)
    for tick in ticks:
        x = _locate(tick, ticks)
        canvas.add_line(x, _TOP, x, bottom, "zero" if tick == 1 else "grid")
        canvas.add_text(x, bottom + 16, f"{format_tick(tick)}×", anchor="middle")
    spread = min(6.0, _MARKER_SPREAD / max(len(groups) - 1, 1))
    for row, (key, title) in enumerate(quantities):
        y = _TOP + _ROW_HEIGHT * (row + 0.5)
        canvas.add_text(_LEFT - 12, y + 4, title, anchor="end")
        edge = _TOP + _ROW_HEIGHT * (row + 1)
        canvas.add_line(0, edge, _RIGHT, edge, "grid")
        for place, group in enumerate(groups):
            ratio = ratios[group.variant, key]
            shift = spread * (place - (len(groups) - 1) / 2)
            text = f"{group.variant}: {ratio:.2f} times the {title} of {BASELINE}"
            canvas.add_marker(group.style_index, _locate(ratio, ticks), y + shift, 4, title=text)
    canvas.add_text(
        (_LEFT + _RIGHT) / 2, bottom + 32, f"times as much as {BASELINE}", anchor="middle"
    )
    shown = "; ".join(
        f"{title}: " + ", ".join(f"{g.variant} {ratios[g.variant, key]:.2f}" for g in groups)
        for key, title in quantities
    )
    description = f"Cost relative to {BASELINE}. {shown}"
    caption = (
        f"What each variant needs, relative to `{BASELINE}`. Farther right is more expensive. "
        "Elementwise ops are all arithmetic but multiply-adds: activations, norms, pooling, products of maps."
    )
    return FigureBlock(
        f"cost-ratios{cell.suffix}", canvas.render(description), description, caption
    )


def _locate(value: float, ticks: Sequence[float], left: float = _LEFT) -> float:
    """Return the horizontal position of a value."""
    return locate_on_axis(value, ticks, left, _RIGHT)


def _draw_memory(cell: CellView) -> FigureBlock:
    """Draw the memory of each variant as a bar: the network, then its modules from the first to the last."""
    groups = [group for group in cell.groups if group.variant in cell.costs]
    totals = {g.variant: cell.costs[g.variant]["saved_bytes"] / BYTES_PER_MB for g in groups}
    ticks = choose_ticks(0.0, max(totals.values()), 4)
    bottom = _TOP + _ROW_HEIGHT * len(groups)
    canvas = SvgCanvas(_WIDTH, bottom + 36)
    for tick in ticks:
        x = _locate(tick, ticks, _BAR_LEFT)
        canvas.add_line(x, _TOP, x, bottom, "grid")
        canvas.add_text(x, bottom + 16, format_tick(tick), anchor="middle")
    shown = []
    for row, group in enumerate(groups):
        y = _TOP + _ROW_HEIGHT * row + (_ROW_HEIGHT - _BAR_HEIGHT) / 2
        parts = _split_memory(cell.costs[group.variant])
        _draw_bar(canvas, group.style_index, parts, ticks, y)
        canvas.add_text(_BAR_LEFT - 8, y + 13, shorten_name(group.variant, 13), anchor="end")
        total = totals[group.variant]
        canvas.add_text(_locate(total, ticks, _BAR_LEFT) + 5, y + 13, f"{total:,.1f}")
        modules = ", ".join(f"{part:.1f}" for part in parts[1:]) or "none"
        shown.append(f"{group.variant} {total:.1f} MB, of which attention modules {modules}")
    batch = next(iter(cell.costs.values()))["batch_size"]
    canvas.add_text(
        (_BAR_LEFT + _RIGHT) / 2,
        bottom + 32,
        f"MB saved for the backward pass, batch of {batch}",
        anchor="middle",
    )
    description = f"Training memory: {'; '.join(shown)}"
    caption = (
        "Where the memory goes. Gray: the network itself; colored: its attention modules, the first one "
        "darkest."
    )
    return FigureBlock(f"memory{cell.suffix}", canvas.render(description), description, caption)


def _split_memory(cost: dict[str, Any]) -> list[float]:
    """Return the MB of the network itself, then those of its modules; of many, the last ones together."""
    sites = [site["saved_bytes"] / BYTES_PER_MB for site in cost["sites"]]
    if len(sites) > _MAX_SITES:
        sites = [*sites[: _MAX_SITES - 1], sum(sites[_MAX_SITES - 1 :])]
    return [max(0.0, cost["saved_bytes"] / BYTES_PER_MB - sum(sites)), *sites]


def _draw_bar(
    canvas: SvgCanvas, index: int, parts: Sequence[float], ticks: Sequence[float], y: float
) -> None:
    """Draw one bar from its parts."""
    position = 0.0
    for place, part in enumerate(parts):
        left = _locate(position, ticks, _BAR_LEFT)
        width = _locate(position + part, ticks, _BAR_LEFT) - left
        if place == 0:
            canvas.add_rectangle(left, y, width, _BAR_HEIGHT, "basebar")
        else:
            opacity = 1 - 0.6 * (place - 1) / max(len(parts) - 2, 1)
            extra = f' data-v="{index}" opacity="{opacity:.2f}"'
            canvas.add_rectangle(
                left, y, max(width - 1, 0.5), _BAR_HEIGHT, f"f v{get_hue(index)}", extra
            )
        position += part
