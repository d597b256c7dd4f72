"""Memory table of the original study: recomputed by torchsummary's arithmetic, and corrected.

torchsummary writes an output as [-1, C, H, W], because the batch is unknown, and adds the products of these
numbers. So a layer counts negative; a layer with two outputs, such as a pool that returns the indices of its
maxima, counts as the product of both, squared and positive; and `abs` hides the sign of the sum. Attention
adds negative rows to a positive sum, and was printed as less memory.

The rows of the original networks are written down here, since our modules have other children. Other trees of
modules print the second number too, so the number does not identify the code that printed it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from foveal.cost.report import CostReport
from foveal.text_format import BYTES_PER_MB
from foveal.text_tables import Table

_BLOCK_SIZES: Final = (
    (32, 32),
    (64, 16),
    (128, 8),
)  # channels and side of the feature map of each block
_HEAD_WIDTHS: Final = (1024, 1024, 10, 10)
_PRINTED_BATCH_SIZE: Final = -1
_BYTES_PER_NUMBER: Final = 2 * 4  # a float32 and its gradient
_EXPLANATION_TEXT: Final = (
    "torchsummary adds products of output shapes with -1 for the batch, so each layer counts negative; "
    "a pool that returns its indices counts as the product of both outputs, (C x H/2 x W/2)^2 "
    "and positive; abs() hides the sign of the sum. Attention adds negative rows and was printed as less "
    "memory. Computed from the layers of the original networks; other trees of modules print the second "
    "number too."
)


@dataclass(frozen=True)
class _ModuleCall:
    """One call of a module with its output shapes as torchsummary writes them."""

    name: str
    outputs: tuple[tuple[int, ...], ...]


def list_original_calls(*, cbam: bool) -> Iterator[_ModuleCall]:
    """Yield the module calls of the original ConvNet, with CBAM after each ReLU or without."""
    for channels, side in _BLOCK_SIZES:
        full, half = (
            (_PRINTED_BATCH_SIZE, channels, side, side),
            (_PRINTED_BATCH_SIZE, channels, side // 2, side // 2),
        )
        yield from (_ModuleCall(name, (full,)) for name in ("conv", "norm", "relu"))
        if cbam:
            yield from (
                _ModuleCall(name, (full,)) for name in ("cbam", "channel gate", "spatial gate")
            )
            yield _ModuleCall("channel pool", ((_PRINTED_BATCH_SIZE, 2, side, side),))
            yield from (
                _ModuleCall(name, ((_PRINTED_BATCH_SIZE, 1, side, side),))
                for name in ("conv 7x7", "its norm")
            )
        yield _ModuleCall("pool and its indices", (half, half))
    yield from (_ModuleCall("head", ((_PRINTED_BATCH_SIZE, width),)) for width in _HEAD_WIDTHS)


def compute_printed_bytes(calls: Iterable[_ModuleCall]) -> float:
    """Return the "Forward/backward pass size (MB)" that torchsummary prints, in bytes.

    >>> round(compute_printed_bytes(list_original_calls(cbam=False)) / 2**20, 4)
    670.6717
    >>> round(compute_printed_bytes(list_original_calls(cbam=True)) / 2**20, 4)
    669.3182
    """
    total = sum(math.prod(side for shape in call.outputs for side in shape) for call in calls)
    return abs(_BYTES_PER_NUMBER * total)


def compute_corrected_bytes(calls: Iterable[_ModuleCall]) -> float:
    """Return twice every layer's output for one image in bytes, as torchsummary intends.

    The indices of a pool are not counted: they have no gradient.

    >>> round(compute_corrected_bytes(list_original_calls(cbam=False)) / 2**20, 4)
    1.4377
    """
    return _BYTES_PER_NUMBER * sum(math.prod(map(abs, call.outputs[0])) for call in calls)


def make_torchsummary_table(baseline: CostReport, cbam: CostReport) -> Table:
    """Return a table of the numbers that torchsummary prints and the measured costs of our networks."""
    calls = [list(list_original_calls(cbam=has_cbam)) for has_cbam in (False, True)]
    totals = [baseline.totals, cbam.totals]
    rows = [
        (
            "printed by torchsummary, MB",
            *(f"{compute_printed_bytes(each) / BYTES_PER_MB:.2f}" for each in calls),
        ),
        (
            "corrected torchsummary total, MB",
            *(f"{compute_corrected_bytes(each) / BYTES_PER_MB:.4f}" for each in calls),
        ),
        ("saved for backward, MB", *(f"{sums.saved_bytes / BYTES_PER_MB:.4f}" for sums in totals)),
        ("parameters", *(f"{sums.parameters:,}" for sums in totals)),
        ("MACs", *(f"{sums.macs:,}" for sums in totals)),
        ("elementwise operations", *(f"{sums.element_operations:,}" for sums in totals)),
    ]
    headings = ("the ConvNet, one image of 3x32x32", "none", "cbam")
    note = f"{_EXPLANATION_TEXT} The last four rows are measured on foveal's networks."
    return Table(
        "Memory table of the original study, and the correction", headings, tuple(rows), note
    )
