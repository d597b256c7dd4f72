"""Kernels over feature maps as functions of tensors; each supports both memory formats.

A map `x` is (N, C, H, W). Tensors per channel are (N, C), tensors per position (N, P) with P = H W, all in
the accumulator dtype (see `get_accumulator_dtype`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from foveal.kernels.bindings import Argument, call_kernel
from foveal.kernels.constants import EXP_FACTORS, LOGITS_PRODUCT, LOGITS_SUM
from foveal.kernels.layout import Layout, get_accumulator_dtype

_MAX_EXPONENT = 40
"""Largest logit whose exponential is computed: the product of two such exponentials is finite in float32."""


class PooledValues(NamedTuple):
    """Values of each pool, (pools, N, ...), and the first index of the maximum, int32, if it is a pool."""

    values: Tensor
    argmax: Tensor | None


class GradientTerms(NamedTuple):
    """Factor and summands of a gradient: a shift for all values, and a peak added at one index only."""

    scale: Tensor | None = None
    shift: Tensor | None = None
    peak: Tensor | None = None
    peak_index: Tensor | None = None

    def contiguous(self) -> GradientTerms:
        """Return contiguous terms, without an index if there is no peak."""
        scale, shift, peak, index = (None if term is None else term.contiguous() for term in self)
        return GradientTerms(scale, shift, peak, None if peak is None else index)


_NO_TERMS = GradientTerms()


def pool_map(
    x: Tensor,
    layout: Layout,
    pools: tuple[str, ...],
    *,
    over_positions: bool,
    channel_weights: Tensor | None = None,
) -> PooledValues:
    """Pool x * channel_weights over positions, giving (pools, N, C), or over channels, giving (pools, N, P).

    The pools are avg and max, each at most once.
    """
    pooled, mean, maximum = allocate_pools(x, layout, pools, over_positions=over_positions)
    _call_map_kernel(
        "pool_rows" if _is_row_reduction(layout, over_positions) else "pool_columns", x, layout,
        x, *layout.to_rows_and_columns(channel_weights, None), mean, maximum, pooled.argmax,
    )  # fmt: skip
    return pooled


def allocate_pools(
    x: Tensor, layout: Layout, pools: tuple[str, ...], *, over_positions: bool
) -> tuple[PooledValues, Tensor, Tensor | None]:
    """Return memory for the pools of a map, and in it those of the mean and of the maximum or None.

    The mean is always computed, so it has memory even if it is not among the pools.
    """
    size = (layout.images, layout.channels if over_positions else layout.positions)
    values = x.new_empty((len(pools), *size), dtype=get_accumulator_dtype(x))
    outputs = dict(zip(pools, values.unbind(), strict=True))
    mean = outputs["avg"] if "avg" in pools else values.new_empty(size)
    argmax = x.new_empty(size, dtype=torch.int32) if "max" in pools else None
    return PooledValues(values, argmax), mean, outputs.get("max")


def scale_map(
    x: Tensor, layout: Layout, channel_weights: Tensor | None, position_weights: Tensor | None
) -> Tensor:
    """Return (x * channel_weights) * position_weights."""
    y = torch.empty_like(x)
    weights = layout.to_rows_and_columns(channel_weights, position_weights)
    _call_map_kernel("scale", x, layout, x, *weights, layout.channels_last, y)
    return y


def dot_maps(
    g: Tensor,
    x: Tensor,
    layout: Layout,
    *,
    over_positions: bool,
    terms: GradientTerms = _NO_TERMS,
) -> Tensor:
    """Sum x * (g * scale + shift) over positions, giving (N, C), or over channels, giving (N, P).

    The terms have one value for each index that is summed over; a peak is added to the shift at its index only.
    """
    size = (layout.images, layout.channels if over_positions else layout.positions)
    sums = x.new_empty(size, dtype=get_accumulator_dtype(x))
    name = "dot_rows" if _is_row_reduction(layout, over_positions) else "dot_columns"
    _call_map_kernel(name, x, layout, g, x, *terms, sums)
    return sums


def project_map(x: Tensor, layout: Layout, filters: Tensor, *, over_positions: bool) -> Tensor:
    """Sum x times each of W filters over positions, giving (N, W, C), or over channels, giving (N, W, P).

    The filters are (W, ...), or (N, W, ...) if each image has its own.
    """
    filters = filters.to(get_accumulator_dtype(x)).contiguous()
    filter_count = filters.shape[-2]
    size = (layout.images, filter_count, layout.channels if over_positions else layout.positions)
    sums = filters.new_empty(size)
    name = "project_rows" if _is_row_reduction(layout, over_positions) else "project_columns"
    _call_map_kernel(name, x, layout, x, filter_count, filters, filters.dim() == 3, sums)
    return sums


def weighting_backward(
    g: Tensor, layout: Layout, channel: GradientTerms, position: GradientTerms
) -> Tensor:
    """Return the gradient of a map that was weighted and pooled.

    This is (g * position.scale + position.shift) * channel.scale + channel.shift, where the peak of a channel
    is added at one position and the peak of a position at one channel.
    """
    y = torch.empty_like(g)
    rows, columns = (position, channel) if layout.channels_last else (channel, position)
    _call_map_kernel(
        "weighting_backward", g, layout, g, rows.scale, columns.scale, rows.shift, columns.shift,
        layout.channels_last, rows.peak, rows.peak_index, columns.peak, columns.peak_index, y,
    )  # fmt: skip
    return y


def encode_logits(
    channel: Tensor, position: Tensor, *, product: bool
) -> tuple[Tensor, Tensor, int]:
    """Return the logits (N, C) and (N, P) in the form that the BAM kernels take, and the name of the form.

    The gate is the sigmoid of the sum of both logits, or of their product. For a sum, the kernels take
    exp(-logits), which are fewer than the sums, unless a logit is too large for that.
    """
    if product:
        return channel, position, LOGITS_PRODUCT
    if channel.abs().max() <= _MAX_EXPONENT and position.abs().max() <= _MAX_EXPONENT:
        return channel.neg().exp_(), position.neg().exp_(), EXP_FACTORS
    return channel, position, LOGITS_SUM


def bam_forward(
    x: Tensor, layout: Layout, channel: Tensor, position: Tensor, encoding: int
) -> Tensor:
    """Return x + x sigmoid(logits), with the logits of `encode_logits`."""
    y = torch.empty_like(x)
    logits = layout.to_rows_and_columns(channel, position)
    _call_map_kernel("bam_forward", x, layout, x, *logits, encoding, y)
    return y


def compute_bam_logit_grads(
    g: Tensor, x: Tensor, layout: Layout, channel: Tensor, position: Tensor, encoding: int
) -> tuple[Tensor, Tensor]:
    """Return the gradients of both logits of `bam_forward`."""
    channel_grad, position_grad = map(torch.empty_like, (channel, position))
    logits = layout.to_rows_and_columns(channel, position)
    grads = layout.to_rows_and_columns(channel_grad, position_grad)
    _call_map_kernel("bam_logit_grads", g, layout, g, x, *logits, encoding, *grads)
    return channel_grad, position_grad


def compute_bam_input_grad(
    g: Tensor, layout: Layout, channel: Tensor, position: Tensor, encoding: int, *,
    shift: Tensor | None, projection_grad: Tensor | None, filters: Tensor | None,
) -> Tensor:  # fmt: skip
    """Return the gradient of BAM's input: of its output, its mean (`shift`) and its 1x1 convolution.

    This is g * (1 + sigmoid(logits)) + shift + filters^T projection_grad, with shapes (N, C), (W, C) and
    (N, W, P) of the last three.
    """
    y = torch.empty_like(g)
    filter_count = 0
    if projection_grad is not None and filters is not None:
        projection_grad, filters = projection_grad.contiguous(), filters.contiguous()
        filter_count = len(filters)
    row_factors, column_factors = layout.to_rows_and_columns(filters, projection_grad)
    _call_map_kernel(
        "bam_input_grad", g, layout, g, *layout.to_rows_and_columns(channel, position), encoding,
        *layout.to_rows_and_columns(shift, None), filter_count, row_factors, layout.channels_last,
        column_factors, not layout.channels_last, y,
    )  # fmt: skip
    return y


def _is_row_reduction(layout: Layout, over_positions: bool) -> bool:
    """Return True if a reduction over positions, or otherwise over channels, sums along rows."""
    return over_positions != layout.channels_last


def _call_map_kernel(name: str, like: Tensor, layout: Layout, *arguments: Argument) -> None:
    """Call a kernel over a map of the given layout and the dtype of `like`."""
    call_kernel(name, like.dtype, layout.images, *layout.matrix_shape, *arguments)
