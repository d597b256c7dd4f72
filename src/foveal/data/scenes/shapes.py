"""The ten shapes of `scenes` as signed distances: negative inside, positive outside.

The y axis points up. Every shape has a mirror axis, so a flipped image keeps its class. All shapes are
drawn with the same area, so the size does not reveal the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from foveal.data.scenes.rng import Plane

_DistanceFunction = Callable[[Plane, Plane], Plane]


def vector_length(x: Plane, y: Plane) -> Plane:
    """Return the length of the vectors (x, y)."""
    length: Plane = np.sqrt(x * x + y * y)
    return length


def intersection_distance(first: Plane, second: Plane) -> Plane:
    """Return the distance to the intersection of two shapes; near corners slightly too small."""
    distance: Plane = np.maximum(first, second)
    return distance


def _disc_distance(
    x: Plane, y: Plane, *, radius: float = 1.0, center: tuple[float, float] = (0, 0)
) -> Plane:
    """Return the signed distance to a disc."""
    return vector_length(x - center[0], y - center[1]) - radius


def _ring_distance(x: Plane, y: Plane) -> Plane:
    """Return the signed distance to a ring with outer radius 1 and inner radius 0.56."""
    return np.abs(_disc_distance(x, y, radius=0.78)) - 0.22


def _crescent_distance(x: Plane, y: Plane) -> Plane:
    """Return the distance to a disc minus a second disc."""
    cut = -_disc_distance(x, y, radius=0.8, center=(0.5, 0))
    return intersection_distance(_disc_distance(x, y), cut)


def _heart_distance(x: Plane, y: Plane) -> Plane:
    """Return the distance to a square on its corner with a half disc on each upper side."""
    right = _disc_distance(x, y, radius=math.sqrt(0.5), center=(0.5, 0.5))
    left = _disc_distance(x, y, radius=math.sqrt(0.5), center=(-0.5, 0.5))
    square = (np.abs(x) + np.abs(y) - 1) * math.sqrt(0.5)
    return np.minimum(square, np.minimum(left, right))


def make_polygon_distance(*corners: tuple[float, float]) -> _DistanceFunction:
    """Return the exact signed distance function of a polygon, convex or not."""

    def compute_distance(x: Plane, y: Plane) -> Plane:
        nearest = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf, np.float32)
        inside = np.zeros(nearest.shape, bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            ex, ey = bx - ax, by - ay
            px, py = x - ax, y - ay
            along = np.clip((px * ex + py * ey) * (1 / (ex * ex + ey * ey)), 0, 1)
            squared = np.square(px - along * ex) + np.square(py - along * ey)
            np.minimum(nearest, squared, out=nearest)
            if ey:  # a ray along x crosses this side: an odd number of crossings means inside
                inside ^= ((y < ay) != (y < by)) & (px < py * (ex / ey))
        distance = np.sqrt(nearest)
        return np.where(inside, -distance, distance)

    return compute_distance


def _list_radial_corners(*radii: float, count: int) -> list[tuple[float, float]]:
    """Return `count` corners at equal angles, whose distances from the center repeat `radii`."""
    angles = [math.pi / 2 + 2 * math.pi * k / count for k in range(count)]
    lengths = [radii[k % len(radii)] for k in range(count)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(lengths, angles, strict=True)]


def _mirror_corners(*right: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the corners `right`, then their mirror images in the y axis in reverse order."""
    return [*right, *((-x, y) for x, y in reversed(right) if x)]


_SQUARE_CORNERS = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
# Half of the corners; the others are their point reflections.
CROSS_CORNERS = [(1, 0.33), (0.33, 0.33), (0.33, 1), (-0.33, 1), (-0.33, 0.33), (-1, 0.33)]
_ARROW_CORNERS = _mirror_corners((0, 1.2), (0.85, 0.2), (0.32, 0.2), (0.32, -1))

SHAPES: dict[str, _DistanceFunction] = {
    "circle": _disc_distance,
    "ring": _ring_distance,
    "triangle": make_polygon_distance(*_list_radial_corners(1, count=3)),
    "square": make_polygon_distance(*_SQUARE_CORNERS),
    "pentagon": make_polygon_distance(*_list_radial_corners(1, count=5)),
    "star": make_polygon_distance(*_list_radial_corners(1, 0.45, count=10)),
    "cross": make_polygon_distance(*CROSS_CORNERS, *((-x, -y) for x, y in CROSS_CORNERS)),
    "crescent": _crescent_distance,
    "heart": _heart_distance,
    "arrow": make_polygon_distance(*_ARROW_CORNERS),
}


@cache
def _measure_shape(name: str) -> tuple[float, float, float]:
    """Return the square root of the area of a shape as defined above, and its centroid (x, y)."""
    half_width, steps = 1.25, 500
    axis = ((np.arange(steps, dtype=np.float32) + 0.5) / steps * 2 - 1) * np.float32(half_width)
    inside = SHAPES[name](axis[None, :], axis[:, None]) <= 0
    side = 2 * half_width * math.sqrt(np.count_nonzero(inside)) / steps
    rows, columns = np.nonzero(inside)
    return side, float(axis[columns].mean()), float(axis[rows].mean())


def unit_shape_distance(name: str, x: Plane, y: Plane) -> Plane:
    """Return the signed distance to the shape `name`, scaled to area 1 and centered on its centroid."""
    side, centroid_x, centroid_y = _measure_shape(name)
    return SHAPES[name](x * side + centroid_x, y * side + centroid_y) / np.float32(side)
