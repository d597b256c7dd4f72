"""The memory table of the old study, by the arithmetic of the tool that printed it, and what is wrong with it.

torchsummary writes an output as [-1, C, H, W], for the batch is not known, and adds up the products of
these numbers. So a layer counts negative; a layer with two outputs, such as a pool that returns where its
maxima were, counts as the product of both, positive and squared; and `abs` hides the sign of the sum.
Attention adds negative rows to a positive sum, and so was printed as less memory.

The rows are those of the old networks, written down here: our modules are built of other parts, and other
trees of modules print the second number too, so that it does not tell which code made it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from foveal.cost.cost_tables import MB
from foveal.cost.report import CostReport
from foveal.text_tables import Table

BLOCKS = ((32, 32), (64, 16), (128, 8))  # channels and side of the feature map of each block
HEAD = (1024, 1024, 10, 10)
BATCH = -1
BYTES = 2 * 4  # of a float32 and of its gradient

REASON = (
    "torchsummary adds up products of output shapes with -1 for the batch, so each layer counts negative; "
    "a pool that returns its indices too counts as the product of both of its outputs, (C x H/2 x W/2)^2 "
    "and positive; abs() hides the sign of the sum. Attention adds negative rows, and is printed as less. "
    "By arithmetic over the layers of the old networks; other trees of modules print the second number too."
)


@dataclass(frozen=True)
class Row:
    """One call of a module: the shapes of its outputs as torchsummary writes them."""

    name: str
    outputs: tuple[tuple[int, ...], ...]


def old_rows(*, series: bool) -> Iterator[Row]:
    """Yield the rows of the old ConvNet, with CBAM after each ReLU or without."""
    for channels, side in BLOCKS:
        whole, half = (BATCH, channels, side, side), (BATCH, channels, side // 2, side // 2)
        yield from (Row(name, (whole,)) for name in ("conv", "norm", "relu"))
        if series:
            yield from (Row(name, (whole,)) for name in ("cbam", "channel gate", "spatial gate"))
            yield Row("channel pool", ((BATCH, 2, side, side),))
            yield from (Row(name, ((BATCH, 1, side, side),)) for name in ("conv 7x7", "its norm"))
        yield Row("pool and its indices", (half, half))
    yield from (Row("head", ((BATCH, width),)) for width in HEAD)


def printed(rows: Iterator[Row]) -> float:
    """Return the "Forward/backward pass size (MB)" that torchsummary prints, in bytes.

    >>> round(printed(old_rows(series=False)) / 2**20, 4), round(printed(old_rows(series=True)) / 2**20, 4)
    (670.6717, 669.3182)
    """
    total = sum(math.prod(side for shape in row.outputs for side in shape) for row in rows)
    return abs(BYTES * total)


def done_right(rows: Iterator[Row]) -> float:
    """Return every layer's output, twice, in bytes for one image; indices are no output that trains.

    >>> round(done_right(old_rows(series=False)) / 2**20, 4)
    1.4377
    """
    return BYTES * sum(math.prod(map(abs, row.outputs[0])) for row in rows)


def torchsummary_table(plain: CostReport, series: CostReport) -> Table:
    """Return what the tool prints, and the right figures of our networks beside it."""
    columns = ((False, plain.totals), (True, series.totals))
    rows = [
        (
            "printed by torchsummary, MB",
            *(f"{printed(old_rows(series=s)) / MB:.2f}" for s, _ in columns),
        ),
        (
            "its convention done right, MB",
            *(f"{done_right(old_rows(series=s)) / MB:.4f}" for s, _ in columns),
        ),
        ("kept for backward, MB", *(f"{totals.kept / MB:.4f}" for _, totals in columns)),
        ("parameters", *(f"{totals.parameters:,}" for _, totals in columns)),
        ("MACs", *(f"{totals.macs:,}" for _, totals in columns)),
        ("element operations", *(f"{totals.element_operations:,}" for _, totals in columns)),
    ]
    headings = ("the ConvNet, one image of 3x32x32", "none", "series")
    note = f"{REASON} The last four rows are measured on foveal's networks."
    return Table("What the old study printed, and what is true", headings, tuple(rows), note)
