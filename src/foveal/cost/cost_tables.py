"""Tables of a cost report: layers, totals, gates and times."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foveal.cost.breakdown import Layer, SiteCost, Totals
from foveal.cost.timing import Quartiles, Timing
from foveal.text_format import BYTES_PER_MB, with_percent_change
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

_INDENT: Final = "\N{NO-BREAK SPACE}" * 2
_TOTALS_HEADINGS: Final = (
    "network", "parameters", "MACs, millions", "elements, millions", "saved, MB",
)  # fmt: skip
_TOTALS_FORMATS: Final = (",.0f", ",.3f", ",.3f", ",.3f")


def make_layer_table(layers: Sequence[Layer], *, depth: int | None = None) -> Table:
    """Return a table with one row per layer; rows deeper than `depth` are added to the row above them."""
    rows = [
        (
            _INDENT * layer.depth + _format_layer_name(layer),
            _format_output(layer),
            _format_nonzero(layer.parameters),
            _format_nonzero(layer.saved_bytes / BYTES_PER_MB, ".3f"),
            _format_nonzero(layer.macs),
            _format_nonzero(sum(layer.elements.values())),
        )
        for layer in (layers if depth is None else _merge_deep_layers(layers, depth))
    ]
    return Table(
        "Layers",
        ("layer", "output", "parameters", "saved, MB", "MACs", "elements"),
        tuple(rows),
        "N first in every shape. saved: bytes saved for the backward pass, by the layer that saves them first.",
    )


def _merge_deep_layers(layers: Sequence[Layer], depth: int) -> list[Layer]:
    """Return the layers down to `depth`, each with the costs of its deeper layers added."""
    merged: list[Layer] = []
    for layer in layers:
        if layer.depth <= depth:
            merged.append(layer)
        else:
            merged[-1] = _add_costs(merged[-1], layer)
    return merged


def _add_costs(layer: Layer, deeper: Layer) -> Layer:
    """Return a layer with the costs of a deeper layer added."""
    return replace(
        layer,
        parameters=layer.parameters + deeper.parameters,
        saved_bytes=layer.saved_bytes + deeper.saved_bytes,
        macs=layer.macs + deeper.macs,
        elements=dict(Counter(layer.elements) + Counter(deeper.elements)),
        uncounted=dict(Counter(layer.uncounted) + Counter(deeper.uncounted)),
    )


def _format_layer_name(layer: Layer) -> str:
    """Return the last part of a layer's name and its kind; a function is in brackets."""
    if layer.is_function:
        return f"({layer.kind})"
    if not layer.name:
        return layer.kind
    return f"{layer.name.rpartition('.')[2]} {layer.kind}"


def _format_output(layer: Layer) -> str:
    """Return the output shapes of a layer, and its number of calls unless it is called once."""
    if layer.shared_with is not None and not layer.calls and not layer.parameters:
        return f"shared: {layer.shared_with}"
    if not layer.calls:
        return "not called"
    shapes = ", ".join(map(_format_shape, layer.shapes))
    return f"{shapes} ({layer.calls} calls)" if layer.calls > 1 else shapes


def make_totals_table(totals: Totals, peak_bytes: int | None) -> Table:
    """Return a table of the sums over a network; the estimate of torchsummary comes first."""
    rows = [
        ("parameters", f"{totals.parameters:,}"),
        ("trainable parameters", f"{totals.trainable:,}"),
        ("input, MB", _format_megabytes(totals.input_bytes)),
        ("forward/backward pass as torchsummary, MB", _format_megabytes(totals.forward_backward_bytes)),
        ("parameters, MB", _format_megabytes(totals.parameter_bytes)),
        ("estimated total as torchsummary, MB", _format_megabytes(totals.estimated_bytes)),
        ("saved for backward, MB", _format_megabytes(totals.saved_bytes)),
        ("MACs", f"{totals.macs:,}"),
        ("elementwise operations", f"{totals.element_operations:,}"),
    ]  # fmt: skip
    if peak_bytes is not None:
        rows.insert(7, ("peak of a training step, MB", _format_megabytes(peak_bytes)))
    uncounted = ", ".join(f"{name} {calls}" for name, calls in totals.uncounted.items())
    return Table(
        "Totals",
        ("", "for one batch"),
        tuple(rows),
        "torchsummary estimates memory as every layer's output, twice; saved for backward is the memory that "
        "autograd holds. MB is 2^20 bytes. One multiply-add is one MAC, of convolutions and matrix products. "
        f"Not counted, in calls: {uncounted or 'nothing'}.",
    )


def make_networks_table(
    totals: Mapping[str, Totals],
    baselines: Mapping[str, Totals],
    peaks: Mapping[str, int | None],
    *,
    batch_size: int,
) -> Table:
    """Return a table with one row per network, each number with its change from the baseline."""
    has_peaks = any(peak is not None for peak in peaks.values())
    rows = []
    for name, sums in totals.items():
        values = _list_totals(sums)
        references = _list_totals(baselines[name]) if name in baselines else [0.0] * len(values)
        cells = [
            with_percent_change(format(value, form), value, reference)
            for value, reference, form in zip(values, references, _TOTALS_FORMATS, strict=True)
        ]
        peak = peaks[name]
        if has_peaks:
            cells.append("" if peak is None else f"{peak / BYTES_PER_MB:,.1f}")
        rows.append((name, *cells))
    uncounted = sorted({operation for sums in totals.values() for operation in sums.uncounted})
    comparison = f"A second number is the change from {BASELINE}. " if baselines else ""
    return Table(
        f"For a batch of {batch_size}",
        (*_TOTALS_HEADINGS, "peak, MB") if has_peaks else _TOTALS_HEADINGS,
        tuple(rows),
        f"{comparison}Elements: worked on outside convolutions and matrix products. "
        f"Saved: for the backward pass. Not counted: {', '.join(uncounted) or 'nothing'}.",
    )


def _list_totals(totals: Totals) -> list[float]:
    """Return the numbers in a row of the table of sums."""
    millions = totals.macs / 1e6, totals.element_operations / 1e6
    return [totals.parameters, *millions, totals.saved_bytes / BYTES_PER_MB]


def make_site_table(
    sites: Mapping[str, Sequence[SiteCost]], max_groups: int | None = None
) -> Table:
    """Return a table with one row per group of equal gates, in descending order of saved bytes.

    At most `max_groups` rows per network are shown.
    """
    rows = []
    hidden = 0
    for name, network_sites in sites.items():
        groups = _group_sites(network_sites)[:max_groups]
        hidden += len(network_sites) - sum(map(len, groups))
        for group in groups:
            first = group[0]
            rows.append(
                (
                    f"{name}: " * (len(sites) > 1) + _format_group_name(group),
                    first.kind,
                    _format_shape(first.shape),
                    _format_nonzero(first.parameters),
                    f"{first.saved_bytes / BYTES_PER_MB:.3f}",
                    _format_nonzero(first.macs),
                    _format_nonzero(first.element_operations),
                )
            )
    return Table(
        "Additional cost of each gate, in descending order of saved memory",
        ("gate at", "kind", "map", "parameters", "saved, MB", "MACs", "elements"),
        tuple(rows),
        "saved: memory that the network saves for backward with the gate, minus that without it."
        + (f" {hidden} cheaper gates are not shown." if hidden else ""),
        text_headings=("kind",),
    )


def make_gate_timing_table(
    sites: Mapping[str, Sequence[SiteCost]], max_groups: int | None = None
) -> Table:
    """Return a table of the time of each gate alone, in the order of `make_site_table`."""
    rows = [
        (
            f"{name}: " * (len(sites) > 1) + _format_group_name(group),
            str(group[0].inference.batch_size),
            *(
                _format_milliseconds(timing)
                for timing in (group[0].inference, group[0].training)
                if timing
            ),
        )
        for name, network_sites in sites.items()
        for group in _group_sites(network_sites)[:max_groups]
        if group[0].inference is not None
    ]
    return Table(
        "Time of each gate alone",
        ("gate at", "batch", "inference, ms", "forward and backward, ms"),
        tuple(rows),
        "Median and quartiles over interleaved rounds.",
    )


def _group_sites(sites: Sequence[SiteCost]) -> list[list[SiteCost]]:
    """Return the gates in groups of equal cost, in descending order of saved bytes."""
    groups: dict[tuple[object, ...], list[SiteCost]] = {}
    for site in sites:
        groups.setdefault(site.group_key, []).append(site)
    return list(groups.values())


def _format_group_name(group: Sequence[SiteCost]) -> str:
    """Return the site of the first gate of a group, and the number of the others."""
    others = f" and {len(group) - 1} alike" if len(group) > 1 else ""
    return (group[0].site or "the model") + others


def make_timing_table(
    timings: Mapping[str, Sequence[Timing]],
    baseline: Sequence[Timing] | None,
    *,
    conditions: str,
) -> Table:
    """Return a table with one row per network and task: milliseconds and their ratio to the baseline."""
    rows = [
        (
            name,
            f"{timing.task}{', compiled' if timing.compiled else ''}",
            str(timing.batch_size),
            _format_milliseconds(timing),
            "" if baseline is None else _format_ratio(timing, baseline[index]),
        )
        for name, network_timings in timings.items()
        for index, timing in enumerate(network_timings)
    ]
    return Table(
        "Time of one batch",
        ("network", "task", "batch", "ms", f"ratio to {BASELINE}"),
        tuple(rows),
        "Median and quartiles over interleaved rounds; a training step is forward, backward and SGD with "
        f"momentum. {conditions}.",
        text_headings=("task",),
    )


def _format_ratio(timing: Timing, baseline: Timing) -> str:
    """Return the ratio to the baseline's time; empty for the baseline itself."""
    return "" if timing is baseline else _format_quartiles(timing.ratio_to(baseline))


def _format_milliseconds(timing: Timing) -> str:
    """Return the median and the quartiles in milliseconds."""
    low, middle, high = (1000 * seconds for seconds in timing.quartiles)
    return _format_quartiles((low, middle, high))


def _format_quartiles(quartiles: Quartiles) -> str:
    """Return the median, then the quartiles in brackets.

    >>> _format_quartiles((1.0, 2.0, 4.0))
    '2.00 (1.00 to 4.00)'
    """
    low, middle, high = quartiles
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _format_shape(shape: Sequence[int]) -> str:
    """Return a shape as text.

    >>> _format_shape((2, 64, 8, 8))
    '2x64x8x8'
    """
    return "x".join(map(str, shape))


def _format_megabytes(size: float) -> str:
    """Return bytes in MB of 2^20, with up to four decimals for small sizes.

    >>> _format_megabytes(2**20), _format_megabytes(2**10), _format_megabytes(2**30)
    ('1.000', '0.0010', '1,024')
    """
    value = size / BYTES_PER_MB
    return f"{value:,.{max(0, 3 - int(math.log10(value)))}f}" if value >= 1 else f"{value:.4f}"


def _format_nonzero(value: float, form: str = ",") -> str:
    """Return a number as text; empty for zero."""
    return format(value, form) if value else ""
