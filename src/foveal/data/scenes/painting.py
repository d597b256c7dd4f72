"""Painting of scenes: background, clutter, object, occluding stroke, light and noise.

Pixels are computed only by operations that IEEE 754 rounds exactly (no sine, no matrix product), so the
result is independent of the chunk size and the vector width, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.data.scenes.rng import CounterRNG, Plane
from foveal.data.scenes.shapes import (
    SHAPES,
    intersection_distance,
    unit_shape_distance,
    vector_length,
)

_Mask = npt.NDArray[np.bool_]
_RandomDistance = Callable[[Plane, Plane, CounterRNG], Plane]

_MAX_STROKES, _MAX_PATCHES = 5, 4  # per scene
_TURN_RANGE_DEGREES = 44


def paint_scenes(
    labels: npt.NDArray[np.int64],
    rng: CounterRNG,
    *,
    size: int,
    object_size: float,
    color_variation: float,
    clutter: float,
) -> tuple[npt.NDArray[np.uint8], _Mask]:
    """Return N images (N, size, size, 3) of the classes `labels`, and the object masks."""
    grid = _SceneGrid(size, object_size, color_variation, clutter)
    luma = rng.draw_uniform("luma", 0.2, 0.5)
    canvas = _paint_background(grid, rng.extend_path("background"), luma)
    for k in range(_MAX_STROKES):
        _paint_clutter(canvas, grid, rng.extend_path("stroke", k), _stroke_distance)
    for k in range(_MAX_PATCHES):
        _paint_clutter(canvas, grid, rng.extend_path("patch", k), _patch_distance)
    mask = _paint_object(canvas, grid, rng.extend_path("object"), luma, labels)
    return _render_lighting(canvas, grid, rng.extend_path("light")), mask


def _paint_background(grid: _SceneGrid, rng: CounterRNG, luma: Plane) -> Plane:
    """Return a canvas (3, N, H, W): a base color plus and minus a texture in an accent color."""
    base = grid.draw_color(rng.extend_path("base"), luma)
    accent = grid.draw_color(rng.extend_path("accent"), rng.draw_uniform("accent", 0.1, 0.25))
    wave_share = rng.draw_uniform("share of waves")
    texture = wave_share * _make_wave_texture(grid, rng) + (1 - wave_share) * _make_blob_texture(
        grid, rng
    )
    return base + accent * ((2 * texture - 1) * grid.clutter)


def _make_wave_texture(grid: _SceneGrid, rng: CounterRNG) -> Plane:
    """Return stripes in [0, 1] at a random angle, two to seven across the image."""
    along_x, along_y = rng.draw_direction("angle")
    phase = (along_x * grid.x + along_y * grid.y) * rng.draw_uniform("frequency", 2, 7)
    phase += rng.draw_uniform("phase")
    return _smooth_step(np.abs(2 * (phase - np.floor(phase)) - 1))


def _make_blob_texture(grid: _SceneGrid, rng: CounterRNG, cells: int = 6) -> Plane:
    """Return value noise in [0, 1]: random values on a lattice, interpolated smoothly."""
    lattice = rng.draw_fractions("lattice", (cells + 1) ** 2).reshape(-1, cells + 1, cells + 1)
    position = grid.axis * cells
    cell = position.astype(np.int64)
    weight = _smooth_step(position - cell.astype(np.float32))
    upper, lower = lattice[:, cell], lattice[:, cell + 1]
    rows = upper + (lower - upper) * weight[:, None]
    left, right = rows[:, :, cell], rows[:, :, cell + 1]
    return left + (right - left) * weight


def _paint_clutter(
    canvas: Plane, grid: _SceneGrid, rng: CounterRNG, compute_distance: _RandomDistance
) -> None:
    """Paint one clutter element at a random position in the scenes that contain it."""
    rows = _sample_cluttered_rows(grid, rng)
    rng = rng.take(rows)
    x, y = grid.x - rng.draw_uniform("x"), grid.y - rng.draw_uniform("y")
    color = grid.draw_color(rng, rng.draw_uniform("luma", 0.05, 0.95))
    _blend_color(canvas, rows, grid.compute_coverage(compute_distance(x, y, rng)), color)


def _sample_cluttered_rows(grid: _SceneGrid, rng: CounterRNG) -> npt.NDArray[np.int64]:
    """Return the rows of the scenes that contain a clutter element."""
    return np.flatnonzero(rng.draw_uniform("present") < grid.clutter)


def _stroke_distance(x: Plane, y: Plane, rng: CounterRNG) -> Plane:
    """Return the signed distance to an arc through (0, 0) of random curvature."""
    radius = rng.draw_uniform("radius", 0.15, 0.6)
    towards_x, towards_y = rng.draw_direction("angle")
    arc = np.abs(vector_length(x - radius * towards_x, y - radius * towards_y) - radius)
    line = arc - rng.draw_uniform("width", 0.01, 0.03)
    return intersection_distance(line, vector_length(x, y) - 0.25)


def _patch_distance(x: Plane, y: Plane, rng: CounterRNG) -> Plane:
    """Return the signed distance to about half a disc, cut off along a line."""
    towards_x, towards_y = rng.draw_direction("angle")
    cut = towards_x * x + towards_y * y - rng.draw_uniform("cut", -0.04, 0.04)
    return intersection_distance(vector_length(x, y) - rng.draw_uniform("radius", 0.06, 0.16), cut)


def _paint_object(
    canvas: Plane,
    grid: _SceneGrid,
    rng: CounterRNG,
    luma: Plane,
    labels: npt.NDArray[np.int64],
) -> _Mask:
    """Paint the objects, some occluded by a stroke, and return the masks of their visible pixels."""
    side = rng.draw_uniform("side", 0.7, 1.3) * grid.object_size
    # All classes have the same margin, so that the position does not reveal the class.
    reach = 0.62 * side
    x = (grid.x - reach - (1 - 2 * reach) * rng.draw_uniform("x")) / side
    y = (grid.y - reach - (1 - 2 * reach) * rng.draw_uniform("y")) / side
    distance = _compute_object_distance(x, y, rng, labels) * side
    brightness = luma + rng.draw_uniform("contrast", 0.18, 0.55)
    near, far = (grid.draw_color(rng.extend_path(end), brightness) for end in ("near", "far"))
    along_x, along_y = rng.draw_direction("shading")
    blend = np.clip(0.5 + along_x * x + along_y * y, 0, 1)
    all_rows = np.arange(len(labels))
    _blend_color(canvas, all_rows, grid.compute_coverage(distance), near + (far - near) * blend)

    mask = distance <= 0
    rng = rng.extend_path("in front")
    rows = _sample_cluttered_rows(grid, rng)
    rng, x, y, side = rng.take(rows), x[rows], y[rows], side[rows]
    x, y = x - rng.draw_uniform("x", -0.4, 0.4), y - rng.draw_uniform("y", -0.4, 0.4)
    # The stroke of an image three object sides wide: it can cross the object but hides little of it.
    occluder = _stroke_distance(x / 3, y / 3, rng) * (3 * side)
    color = grid.draw_color(rng, rng.draw_uniform("luma"))
    _blend_color(canvas, rows, grid.compute_coverage(occluder), color)
    mask[rows] &= occluder > 0
    return mask


def _compute_object_distance(
    x: Plane, y: Plane, rng: CounterRNG, labels: npt.NDArray[np.int64]
) -> Plane:
    """Return the signed distance to the shape of each image, of area 1, rotated and slightly stretched."""
    cosine, sine = rng.draw_direction("turn", _TURN_RANGE_DEGREES)
    stretch = rng.draw_uniform("stretch", 0.87, 1.15)
    across = (cosine * x + sine * y) * stretch
    down = (cosine * y - sine * x) / stretch
    distance = np.empty_like(across)
    for label, name in enumerate(SHAPES):
        rows = np.flatnonzero(labels == label)
        if rows.size:
            distance[rows] = unit_shape_distance(name, across[rows], -down[rows])
    return distance


def _render_lighting(canvas: Plane, grid: _SceneGrid, rng: CounterRNG) -> npt.NDArray[np.uint8]:
    """Return the canvas as images (N, H, W, 3), with a brightness gradient and sensor noise."""
    along_x, along_y = rng.draw_direction("angle")
    slant = along_x * (grid.x - 0.5) + along_y * (grid.y - 0.5)
    canvas *= 1 + rng.draw_uniform("slant", 0, 0.5) * grid.clutter * slant
    grain = rng.draw_fractions("grain", grid.size**2).reshape(-1, grid.size, grid.size) - 0.5
    canvas += grain * rng.draw_uniform("noise", 0, 0.2) * grid.clutter
    levels = np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    return np.moveaxis(levels, 0, -1)


def _blend_color(canvas: Plane, rows: npt.NDArray[np.int64], coverage: Plane, color: Plane) -> None:
    """Blend `color` (3, N, 1 or H, 1 or W) into the images `rows` with weight `coverage`."""
    below = canvas[:, rows]
    canvas[:, rows] = below + coverage * (color - below)


def _smooth_step(t: Plane) -> Plane:
    """Return the smooth step 3 t^2 - 2 t^3 of t in [0, 1]."""
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class _SceneGrid:
    """Scene options and pixel coordinates: x to the right, y down, both in [0, 1]."""

    size: int
    object_size: float
    color_variation: float
    clutter: float

    @property
    def axis(self) -> Plane:
        """Pixel centers of one row, (W,)."""
        centers: Plane = (np.arange(self.size, dtype=np.float32) + 0.5) / np.float32(self.size)
        return centers

    @property
    def x(self) -> Plane:
        """Pixel centers of the columns, (1, 1, W)."""
        return self.axis[None, None, :]

    @property
    def y(self) -> Plane:
        """Pixel centers of the rows, (1, H, 1)."""
        return self.axis[None, :, None]

    def compute_coverage(self, distance: Plane) -> Plane:
        """Return the covered fraction of each pixel, with an edge one pixel wide."""
        coverage: Plane = np.clip(0.5 - distance * self.size, 0, 1)
        return coverage

    def draw_color(self, rng: CounterRNG, luma: Plane) -> Plane:
        """Return a color of the given brightness and random hue: red, green, blue, (3, N, 1, 1)."""
        red, blue = rng.draw_direction("hue")
        strength = rng.draw_uniform("chroma", 0.12, 0.35) * self.color_variation
        red, blue = red * strength, blue * strength
        # Y, Cb and Cr to R, G and B as in ITU-R BT.601.
        offset: Plane = np.stack([1.402 * red, -0.714 * red - 0.344 * blue, 1.772 * blue])
        return luma + offset
