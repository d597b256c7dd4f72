"""Where the windows of an occlusion sweep lie, and how what they say becomes a map."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.overlap import average_windows, window_coverage

EDGES = ("clip", "shift", "center", "drop")
Size = str | int | float | tuple[int, int]


@dataclass(frozen=True)
class Windows:
    """A grid of Py x Px windows over images of H x W pixels; every pair is (vertical, horizontal)."""

    image_size: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    edge: str

    @property
    def starts(self) -> tuple[list[int], list[int]]:
        """First row of each row of windows, and first column of each column."""
        vertical, horizontal = (
            list_window_starts(side, window, stride, edge=self.edge)
            for side, window, stride in zip(self.image_size, self.window, self.stride, strict=True)
        )
        return vertical, horizontal

    @property
    def shape(self) -> tuple[int, int]:
        """Number of windows along each axis, (Py, Px)."""
        vertical, horizontal = self.starts
        return len(vertical), len(horizontal)

    @property
    def count(self) -> int:
        """Number of windows, P."""
        return math.prod(self.shape)

    def coverage(self) -> tuple[Tensor, Tensor]:
        """Return which rows each row of windows covers, bool (Py, H), and which columns, (Px, W)."""
        vertical, horizontal = (
            torch.from_numpy(window_coverage(starts, window, side))
            for starts, window, side in zip(self.starts, self.window, self.image_size, strict=True)
        )
        return vertical, horizontal

    def masks(self, positions: Tensor) -> Tensor:
        """Return the pixels under each window, bool (B, 1, H, W); no pixel at position -1.

        `positions` (B,) count the windows row by row.
        """
        rows, columns = (axis.to(positions.device) for axis in self.coverage())
        hidden = positions >= 0
        at = positions.clamp(min=0)
        y = rows[at // self.shape[1]] & hidden[:, None]  # (B, H)
        x = columns[at % self.shape[1]]  # (B, W)
        return (y[:, :, None] & x[:, None, :])[:, None]

    def grid_to_pixels(self, grid: Tensor) -> Tensor:
        """Spread values of windows (..., Py, Px) over the pixels, (..., H, W).

        A pixel takes the mean over the windows that cover it, as in Captum, and NaN where none does,
        which `drop` and `center` leave at the border.
        """
        spread = average_windows(
            grid.double().numpy(), self.starts, window=self.window, image=self.image_size
        )
        return torch.from_numpy(spread)

    def pixels_to_grid(self, maps: Tensor) -> Tensor:
        """Return the mean of maps (..., H, W) under each window, (..., Py, Px)."""
        rows, columns = (axis.double() for axis in self.coverage())
        total = rows @ maps.double() @ columns.T
        return total / (rows.sum(1)[:, None] * columns.sum(1))


def make_windows(
    image: tuple[int, int], *, window: Size = "auto", stride: Size = "auto", edge: str = "clip"
) -> Windows:
    """Lay windows over an image of (H, W) pixels.

    Args:
        image: H and W.
        window: `auto`, pixels, a share of the side below 1, or a pair of pixels. `auto` is near a quarter of
            the side up to 64 pixels and near a seventh above, so that windows tile exactly if they can:
            8 at 32, 32 at 224.
        stride: `auto` for half of the window, or as `window`.
        edge: where the last window goes if they do not fit: `clip` lets it end at the border (Captum),
            `shift` moves it back inside (MONAI), `drop` leaves it out, `center` too and shares what is
            left among both borders.

    Raises:
        UsageError: a window is larger than the image, or a stride larger than the window.
    """
    if edge not in EDGES:
        raise bad_parameter("edge", "one of " + ", ".join(map(repr, EDGES)), edge)
    sides = resolve_size("window", window, image, choose_window)
    largest = f"at most {image[0]}x{image[1]}, the size of the image"
    if any(own > side for own, side in zip(sides, image, strict=True)):
        raise bad_parameter("window", largest, window)
    strides = resolve_size("stride", stride, image, None) if stride != "auto" else halve(sides)
    if any(step > own for step, own in zip(strides, sides, strict=True)):
        should_be = f"at most the window, {sides[0]}x{sides[1]}, or pixels are never hidden"
        raise bad_parameter("stride", should_be, stride)
    return Windows(image, sides, strides, edge)


def choose_window(side: int) -> int:
    """Return the window for one side.

    >>> [choose_window(side) for side in (28, 32, 64, 65, 96, 224)]
    [8, 8, 16, 10, 12, 32]
    """
    ideal = side / 4 if side <= 64 else side / 7
    near = [w for w in range(2, side + 1, 2) if 0.75 * ideal <= w <= 1.34 * ideal]
    tiling = [w for w in near if (side - w) % (w // 2) == 0]
    return min(tiling or near or [max(1, round(ideal))], key=lambda w: abs(w - ideal))


def halve(sides: tuple[int, int]) -> tuple[int, int]:
    """Return half of each side, at least a pixel."""
    return max(1, sides[0] // 2), max(1, sides[1] // 2)


def resolve_size(name: str, value: Size, image: tuple[int, int], auto: object) -> tuple[int, int]:
    """Return what was given for a size as pixels along both axes."""
    if value == "auto" and callable(auto):
        return auto(image[0]), auto(image[1])
    if isinstance(value, float) and 0 < value < 1:
        return max(1, math.ceil(value * image[0])), max(1, math.ceil(value * image[1]))
    sides = value if isinstance(value, tuple | list) else (value, value)
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or any(int(side) < 1 for side in sides):
        should_be = "`auto`, a number of pixels, a share below 1, or a pair of pixels"
        raise bad_parameter(name, should_be, value)
    return int(sides[0]), int(sides[1])


def list_window_starts(side: int, window: int, stride: int, *, edge: str) -> list[int]:
    """Return where the windows along one side begin.

    >>> for edge in EDGES:
    ...     list_window_starts(10, 4, 4, edge=edge)
    [0, 4, 8]
    [0, 4, 6]
    [1, 5]
    [0, 4]
    """
    whole = (side - window) // stride + 1
    left = side - window - (whole - 1) * stride
    if edge == "center":
        return [left // 2 + stride * k for k in range(whole)]
    starts = [stride * k for k in range(whole)]
    if left and edge == "clip":
        starts.append(stride * whole)
    if left and edge == "shift":
        starts.append(side - window)
    return starts
