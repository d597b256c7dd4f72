"""The tables of a report: layers, sums, gates, times."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.cost.layers import Layer
from foveal.cost.sites import SiteCost
from foveal.cost.timing import Timing
from foveal.cost.totals import Totals
from foveal.text_tables import Table

MB = 2**20
NBSP = "\N{NO-BREAK SPACE}"


def layer_table(layers: Sequence[Layer], *, depth: int | None = None) -> Table:
    """Return a row a layer; rows deeper than `depth` are added to the one above them."""
    shown = layers if depth is None else folded(layers, depth)
    rows = []
    for layer in shown:
        label = layer.name.rpartition(".")[2] or layer.kind
        said = f"({layer.kind})" if layer.is_function else f"{label} {layer.kind}"
        if not layer.name and not layer.is_function:
            said = layer.kind
        rows.append(
            (
                NBSP * 2 * layer.depth + said,
                shape_text(layer),
                number(layer.parameters),
                number(layer.kept / MB, ".3f"),
                number(layer.macs),
                number(sum(layer.elements.values())),
            )
        )
    headings = ("layer", "output", "parameters", "kept, MB", "MACs", "elements")
    note = "N first in every shape. kept: bytes for the backward pass, by the layer that saves them first."
    return Table("Layers", headings, tuple(rows), note)


def folded(layers: Sequence[Layer], depth: int) -> list[Layer]:
    """Return the rows down to `depth`, each with what stands below it where that has no row."""
    kept: list[Layer] = []
    for layer in layers:
        if layer.depth <= depth:
            kept.append(layer)
        else:
            kept[-1] = joined(kept[-1], layer)
    return kept


def joined(row: Layer, below: Layer) -> Layer:
    """Add the numbers of a row below to those of a row."""
    return replace(
        row,
        parameters=row.parameters + below.parameters,
        kept=row.kept + below.kept,
        macs=row.macs + below.macs,
        elements=dict(Counter(row.elements) + Counter(below.elements)),
        uncounted=dict(Counter(row.uncounted) + Counter(below.uncounted)),
    )


def shape_text(layer: Layer) -> str:
    """Return the shapes of what a layer gives, and how often it runs if not once."""
    if layer.shared_with is not None and not layer.calls and not layer.parameters:
        return f"shared: {layer.shared_with}"
    if not layer.calls:
        return "not called"
    shapes = ", ".join("x".join(map(str, shape)) for shape in layer.shapes)
    times = f" ({layer.calls} calls)" if layer.calls > 1 else ""
    return shapes + times


def totals_table(totals: Totals, peak: int | None) -> Table:
    """Return the sums, those of the old convention first."""
    rows = [
        ("parameters", f"{totals.parameters:,}"),
        ("of them to be trained", f"{totals.trainable:,}"),
        ("input, MB", mb(totals.input_bytes)),
        ("forward/backward pass by the old convention, MB", mb(totals.forward_backward)),
        ("parameters, MB", mb(totals.parameter_bytes)),
        ("estimated total by the old convention, MB", mb(totals.estimated)),
        ("kept for backward, MB", mb(totals.kept)),
        *([("peak of a training step, MB", mb(peak))] if peak is not None else []),
        ("MACs", f"{totals.macs:,}"),
        ("element operations", f"{totals.element_operations:,}"),
    ]
    missing = ", ".join(f"{name} {calls}" for name, calls in totals.uncounted.items())
    return Table(
        "In all",
        ("", "for one batch"),
        tuple(rows),
        "The old convention takes every layer's output twice; what is kept is what autograd holds. MB is "
        "2^20 bytes. One multiply-add is one MAC, of convolutions and matrix products. Not counted, in "
        f"calls: {missing or 'nothing'}.",
    )


def site_table(sites: Mapping[str, Sequence[SiteCost]], most: int | None = None) -> Table:
    """Return a row for gates that add the same, the most expensive first; `most` rows a network."""
    rows = []
    left = 0
    for name, own in sites.items():
        groups = groups_of(own)[:most]
        left += len(own) - sum(map(len, groups))
        for group in groups:
            first = group[0]
            rows.append(
                (
                    f"{name}: " * (len(sites) > 1) + group_name(group),
                    first.kind,
                    "x".join(map(str, first.shape)),
                    number(first.parameters),
                    f"{first.kept / MB:.3f}",
                    number(first.macs),
                    number(first.element_operations),
                )
            )
    hidden = f" {left} cheaper gates are not shown." if left else ""
    return Table(
        "What each gate adds, the most expensive first",
        ("gate at", "kind", "weighs", "parameters", "kept, MB", "MACs", "elements"),
        tuple(rows),
        "kept: what the network keeps for backward with the gate, less without it." + hidden,
    )


def gate_timing_table(sites: Mapping[str, Sequence[SiteCost]], most: int | None = None) -> Table:
    """Return the time of each gate alone, in the order of `site_table`."""
    rows = [
        (
            f"{name}: " * (len(sites) > 1) + group_name(group),
            str(group[0].inference.batch_size),
            *(milliseconds(timing) for timing in (group[0].inference, group[0].training) if timing),
        )
        for name, own in sites.items()
        for group in groups_of(own)[:most]
        if group[0].inference is not None
    ]
    return Table(
        "Time of each gate alone",
        ("gate at", "batch", "inference, ms", "forward and backward, ms"),
        tuple(rows),
        "Median and quartiles over rounds in which all gates take turns.",
    )


def groups_of(sites: Sequence[SiteCost]) -> list[list[SiteCost]]:
    """Return gates that add the same together, the most expensive first."""
    alike: dict[tuple[object, ...], list[SiteCost]] = {}
    for site in sites:
        alike.setdefault(site.likeness, []).append(site)
    return list(alike.values())


def group_name(group: Sequence[SiteCost]) -> str:
    """Name gates that add the same by the first."""
    more = f" and {len(group) - 1} alike" if len(group) > 1 else ""
    return (group[0].site or "the model") + more


def milliseconds(timing: Timing) -> str:
    """Return median and quartiles."""
    low, middle, high = (1000 * second for second in timing.quartiles)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def timing_table(
    timings: Mapping[str, Sequence[Timing]], plain: Sequence[Timing] | None, *, under: str
) -> Table:
    """Return a row a network and kind of work: median and quartiles, and the ratio to the baseline."""
    rows = []
    for name, own in timings.items():
        for k, timing in enumerate(own):
            ratio = "" if plain is None else ratio_text(timing, plain[k])
            rows.append(
                (
                    name,
                    f"{timing.work}{', compiled' if timing.compiled else ''}",
                    str(timing.batch_size),
                    milliseconds(timing),
                    ratio,
                )
            )
    return Table(
        "Time of one batch",
        ("network", "work", "batch", "ms", "ratio to none"),
        tuple(rows),
        "Median and quartiles over rounds in which all networks take turns; a training step is forward, "
        "backward and SGD with momentum. "
        f"{under}.",
    )


def ratio_text(timing: Timing, plain: Timing) -> str:
    """Return the ratio to the baseline, nothing for the baseline itself."""
    if timing is plain:
        return ""
    low, middle, high = timing.over(plain)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def mb(size: float) -> str:
    """Return bytes in MB of 2^20, with as many places as small networks need."""
    value = size / MB
    return f"{value:,.{max(0, 3 - int(math.log10(value)))}f}" if value >= 1 else f"{value:.4f}"


def number(value: float, form: str = ",") -> str:
    """Return a number, nothing for zero."""
    return format(value, form) if value else ""
