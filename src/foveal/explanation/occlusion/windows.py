"""Windows of an occlusion sweep: sizes, positions, and conversion between window grids and pixel maps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.overlap import average_windows, compute_window_coverage
from foveal.validation import require_one_of

EDGE_MODES = ("clip", "shift", "center", "drop")
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
            _list_window_starts(side, window, stride, edge=self.edge)
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
        """Return the rows under each row of windows, bool (Py, H), and the columns, bool (Px, W)."""
        vertical, horizontal = (
            torch.from_numpy(compute_window_coverage(starts, window, side))
            for starts, window, side in zip(self.starts, self.window, self.image_size, strict=True)
        )
        return vertical, horizontal

    def masks(self, window_indices: Tensor) -> Tensor:
        """Return the pixels under each window, bool (B, 1, H, W); index -1 has no pixels.

        `window_indices` (B,) count the windows row by row.
        """
        rows, columns = (axis.to(window_indices.device) for axis in self.coverage())
        has_window = window_indices >= 0
        indices = window_indices.clamp(min=0)
        y = rows[indices // self.shape[1]] & has_window[:, None]  # (B, H)
        x = columns[indices % self.shape[1]]  # (B, W)
        return (y[:, :, None] & x[:, None, :])[:, None]

    def grid_to_pixels(self, grid: Tensor) -> Tensor:
        """Return the mean over the windows that cover each pixel, (..., H, W), from a grid (..., Py, Px).

        This is the definition of Captum. Pixels without a window are NaN; the edge rules `drop` and
        `center` leave such pixels at the border.
        """
        pixels = average_windows(
            grid.double().numpy(), self.starts, window=self.window, image_size=self.image_size
        )
        return torch.from_numpy(pixels)

    def pixels_to_grid(self, maps: Tensor) -> Tensor:
        """Return the mean of maps (..., H, W) under each window, (..., Py, Px)."""
        rows, columns = (axis.double() for axis in self.coverage())
        total = rows @ maps.double() @ columns.T
        return total / (rows.sum(1)[:, None] * columns.sum(1))


def make_windows(
    image_size: tuple[int, int],
    *,
    window: Size = "auto",
    stride: Size = "auto",
    edge: str = "clip",
) -> Windows:
    """Return the windows over an image of (H, W) pixels.

    Args:
        image_size: H and W.
        window: `auto`, a number of pixels, a share of each side below 1, or a pair of pixels. `auto` is
            about a quarter of the side up to 64 pixels and about a seventh above, chosen so that windows
            tile the side exactly if possible: 8 at 32, 32 at 224.
        stride: `auto` for half of the window, or as `window`.
        edge: position of the last windows if the stride does not divide the side. `clip` cuts the last
            window at the border (Captum), `shift` moves it inside (MONAI), `drop` removes it, and `center`
            removes it and divides the remaining pixels between both borders.

    Raises:
        UsageError: a window is larger than the image, or a stride is larger than the window.
    """
    require_one_of("edge", edge, EDGE_MODES)
    sides = _resolve_size("window", window, image_size, choose_window)
    if any(size > side for size, side in zip(sides, image_size, strict=True)):
        should_be = f"at most {image_size[0]}x{image_size[1]}, the size of the image"
        raise bad_parameter("window", should_be, window)
    strides = (
        _resolve_size("stride", stride, image_size, None)
        if stride != "auto"
        else _halve_sides(sides)
    )
    if any(step > size for step, size in zip(strides, sides, strict=True)):
        should_be = f"at most the window, {sides[0]}x{sides[1]}, so that every pixel is occluded"
        raise bad_parameter("stride", should_be, stride)
    return Windows(image_size, sides, strides, edge)


def choose_window(side: int) -> int:
    """Return the automatic window size for one side of an image.

    >>> [choose_window(side) for side in (28, 32, 64, 65, 96, 224)]
    [8, 8, 16, 10, 12, 32]
    """
    ideal = side / 4 if side <= 64 else side / 7
    candidates = [w for w in range(2, side + 1, 2) if 0.75 * ideal <= w <= 1.34 * ideal]
    tiling = [w for w in candidates if (side - w) % (w // 2) == 0]
    return min(tiling or candidates or [max(1, round(ideal))], key=lambda w: abs(w - ideal))


def _halve_sides(sides: tuple[int, int]) -> tuple[int, int]:
    """Return half of each side, at least one pixel."""
    return max(1, sides[0] // 2), max(1, sides[1] // 2)


def _resolve_size(
    name: str, value: Size, image_size: tuple[int, int], choose_side: Callable[[int], int] | None
) -> tuple[int, int]:
    """Return a size as pixels along both axes; `choose_side` resolves `auto` for one side."""
    if value == "auto" and choose_side is not None:
        return choose_side(image_size[0]), choose_side(image_size[1])
    if isinstance(value, float) and 0 < value < 1:
        return max(1, math.ceil(value * image_size[0])), max(1, math.ceil(value * image_size[1]))
    sides = value if isinstance(value, tuple | list) else (value, value)
    are_integers = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not are_integers or any(int(side) < 1 for side in sides):
        should_be = "`auto`, a number of pixels, a share below 1, or a pair of pixels"
        raise bad_parameter(name, should_be, value)
    return int(sides[0]), int(sides[1])


def _list_window_starts(side: int, window: int, stride: int, *, edge: str) -> list[int]:
    """Return the first pixel of each window along one side.

    >>> for edge in EDGE_MODES:
    ...     _list_window_starts(10, 4, 4, edge=edge)
    [0, 4, 8]
    [0, 4, 6]
    [1, 5]
    [0, 4]
    """
    complete = (side - window) // stride + 1
    remainder = side - window - (complete - 1) * stride
    if edge == "center":
        return [remainder // 2 + stride * index for index in range(complete)]
    starts = [stride * index for index in range(complete)]
    if remainder and edge == "clip":
        starts.append(stride * complete)
    if remainder and edge == "shift":
        starts.append(side - window)
    return starts
