"""The passes over feature maps, on tensors; each in both memory formats.

A map is `x` (N, C, H, W); `by_channel` and what is per channel is (N, C), what is per position (N, P) with
P = H W. All that is small is float64 for float64, else float32.
"""

from __future__ import annotations

from ctypes import CDLL, c_double, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from foveal.kernels.build import library

NAMES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}

NOTHING = c_void_p(None)

Argument = Tensor | c_double | c_int | c_int64 | bool | None


class Pooled(NamedTuple):
    """Values of each pool, (pools, N, ...), and the first place of the greatest, int32, where that is one."""

    values: Tensor
    place: Tensor | None


@dataclass(frozen=True)
class Layout:
    """How a map lies: rows of values side by side, of the channels of a position or the reverse."""

    images: int
    channels: int
    positions: int
    channels_inside: bool
    format: torch.memory_format

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and their length."""
        if self.channels_inside:
            return self.positions, self.channels
        return self.channels, self.positions

    def rows_columns(
        self, by_channel: Tensor | None, by_position: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return which is one value a row, and which one a column."""
        return (by_position, by_channel) if self.channels_inside else (by_channel, by_position)


def layout_of(x: Tensor) -> Layout | None:
    """Return how a map lies, None where it is neither of the two formats."""
    n, c, h, w = x.shape
    if x.is_contiguous():
        return Layout(n, c, h * w, channels_inside=False, format=torch.contiguous_format)
    if x.is_contiguous(memory_format=torch.channels_last):
        return Layout(n, c, h * w, channels_inside=True, format=torch.channels_last)
    return None


def small_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype of sums and weights."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def alike(g: Tensor, dtype: torch.dtype, lies: Layout) -> Tensor:
    """Return a gradient as the map lies whose gradient it is."""
    return g.to(dtype).contiguous(memory_format=lies.format)


def pool(
    x: Tensor,
    lies: Layout,
    names: tuple[str, ...],
    *,
    positions: bool,
    by_channel: Tensor | None = None,
) -> Pooled:
    """Pool x * by_channel over positions, giving (pools, N, C), or over channels, giving (pools, N, P).

    The names are avg and max, each once at most.
    """
    size = (lies.images, lies.channels if positions else lies.positions)
    values = x.new_empty((len(names), *size), dtype=small_dtype(x))
    pools = dict(zip(names, values.unbind(), strict=True))
    mean = pools["avg"] if "avg" in names else values.new_empty(size)  # the pass takes it anyway
    place = x.new_empty(size, dtype=torch.int32) if "max" in names else None
    along_rows = positions != lies.channels_inside
    name = "reduce_rows" if along_rows else "reduce_columns"
    run(name, x, lies, x, *lies.rows_columns(by_channel, None), mean, pools.get("max"), place)
    return Pooled(values, place)


def scale(x: Tensor, lies: Layout, by_channel: Tensor | None, by_position: Tensor | None) -> Tensor:
    """Return (x * by_channel) * by_position."""
    y = torch.empty_like(x)
    run("scale", x, lies, x, *lies.rows_columns(by_channel, by_position), lies.channels_inside, y)
    return y


def dot(
    g: Tensor, x: Tensor, lies: Layout, *, positions: bool, weights: Tensor | None = None,
    shift: Tensor | None = None, peak: Tensor | None = None, place: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Sum x * (g * weights + shift) over positions, giving (N, C), or over channels, giving (N, P).

    Weights and shift are one value for each that is summed over; so is a peak, which counts at its place alone.
    """
    size = (lies.images, lies.channels if positions else lies.positions)
    sums = x.new_empty(size, dtype=small_dtype(x))
    along_rows = positions != lies.channels_inside
    name = "dot_rows" if along_rows else "dot_columns"
    run(name, x, lies, g, x, weights, shift, peak, place, sums)
    return sums


def project(x: Tensor, lies: Layout, vectors: Tensor, *, positions: bool) -> Tensor:
    """Sum x times each of W vectors over positions, giving (N, W, C), or over channels, giving (N, W, P).

    The vectors are (W, ...), or (N, W, ...) with some for each image.
    """
    vectors = vectors.to(small_dtype(x)).contiguous()
    ranks = vectors.shape[-2]
    size = (lies.images, ranks, lies.channels if positions else lies.positions)
    sums = vectors.new_empty(size)
    along_rows = positions != lies.channels_inside
    name = "project_rows" if along_rows else "project_columns"
    run(name, x, lies, x, c_int64(ranks), vectors, vectors.dim() == 3, sums)
    return sums


class Terms(NamedTuple):
    """What a gradient is scaled by, what is added to it everywhere, and what at single places."""

    scale: Tensor | None = None
    shift: Tensor | None = None
    peak: Tensor | None = None
    place: Tensor | None = None

    def whole(self) -> Terms:
        """Return the same side by side in memory, with no place where there is no peak."""
        scale, shift, peak, place = (None if part is None else part.contiguous() for part in self)
        return Terms(scale, shift, peak, None if peak is None else place)


def spread(g: Tensor, lies: Layout, channel: Terms, position: Terms) -> Tensor:
    """Return (g * position.scale + position.shift) * channel.scale + channel.shift.

    A peak is a shift at one place alone: of a channel at a position, of a position at a channel.
    """
    y = torch.empty_like(g)
    rows, columns = (position, channel) if lies.channels_inside else (channel, position)
    run(
        "spread", g, lies, g, rows.scale, columns.scale, rows.shift, columns.shift,
        lies.channels_inside, rows.peak, rows.place, columns.peak, columns.place, y,
    )  # fmt: skip
    return y


SUM, PRODUCT, FACTORS = range(3)  # as in kernels.c
EXPONENT = (
    40  # up to which the exponentials of two logits, and their product, are numbers in float32
)


def joined(channel: Tensor, position: Tensor, *, product: bool) -> tuple[Tensor, Tensor, int]:
    """Return what passes take for the logits (N, C) and (N, P), and what it is.

    Of a sum they take exp(-logits), which are fewer than their sums, unless one is too large for that.
    """
    if product:
        return channel, position, PRODUCT
    if channel.abs().max() <= EXPONENT and position.abs().max() <= EXPONENT:
        return channel.neg().exp_(), position.neg().exp_(), FACTORS
    return channel, position, SUM


def joint(x: Tensor, lies: Layout, channel: Tensor, position: Tensor, how: int) -> Tensor:
    """Return x + x sigma(.) of what `joined` gave."""
    y = torch.empty_like(x)
    run("joint", x, lies, x, *lies.rows_columns(channel, position), c_int(how), y)
    return y


def joint_dots(
    g: Tensor, x: Tensor, lies: Layout, channel: Tensor, position: Tensor, how: int
) -> tuple[Tensor, Tensor]:
    """Return the gradients of both logits in `joint`."""
    of_channel, of_position = map(torch.empty_like, (channel, position))
    logits = lies.rows_columns(channel, position)
    sums = lies.rows_columns(of_channel, of_position)
    run("joint_dots", g, lies, g, x, *logits, c_int(how), *sums)
    return of_channel, of_position


def joint_spread(
    g: Tensor, lies: Layout, channel: Tensor, position: Tensor, how: int, *,
    shift: Tensor | None, planes: Tensor | None, weight: Tensor | None,
) -> Tensor:  # fmt: skip
    """Return g * (1 + sigma(.)) + shift (N, C) + weight (W, C) transposed times planes (N, W, P)."""
    y = torch.empty_like(g)
    ranks = c_int64(0)
    if planes is not None and weight is not None:
        planes, weight, ranks = planes.contiguous(), weight.contiguous(), c_int64(len(weight))
    left, right = lies.rows_columns(weight, planes)
    run(
        "joint_spread", g, lies, g, *lies.rows_columns(channel, position), c_int(how),
        *lies.rows_columns(shift, None), ranks, left, lies.channels_inside,
        right, not lies.channels_inside, y,
    )  # fmt: skip
    return y


def run(name: str, like: Tensor, lies: Layout, *arguments: Argument) -> None:
    """Call a pass over a map."""
    call(name, like.dtype, *map(c_int64, (lies.images, *lies.shape)), *arguments)


def call(name: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Call a pass. The tensors must live until it returns, which those of the caller do."""
    passes = library()
    assert isinstance(passes, CDLL)
    function = getattr(passes, f"{name}_{NAMES[dtype]}")
    function(c_int(torch.get_num_threads()), *map(as_argument, arguments))


def as_argument(value: Argument) -> c_void_p | c_double | c_int | c_int64:
    """Return a tensor as its address, a flag as an int, and a number as it is."""
    if isinstance(value, Tensor):
        return c_void_p(value.data_ptr())
    if value is None:
        return NOTHING
    return c_int(value) if isinstance(value, bool) else value
