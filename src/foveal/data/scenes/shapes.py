"""The ten shapes of `scenes` as signed distances: below zero inside, above zero outside.

Here y points up. Every shape has a mirror axis, so that a flipped image keeps its class; and all
are drawn with one area, so that size tells nothing of the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from foveal.data.scenes.rng import Plane

Shape = Callable[[Plane, Plane], Plane]


def length(x: Plane, y: Plane) -> Plane:
    """Return the length of the vectors (x, y)."""
    root: Plane = np.sqrt(x * x + y * y)
    return root


def intersection(first: Plane, second: Plane) -> Plane:
    """Return the distance to where both shapes are; beside a corner it is a little too short."""
    longer: Plane = np.maximum(first, second)
    return longer


def disc(x: Plane, y: Plane, *, radius: float = 1.0, center: tuple[float, float] = (0, 0)) -> Plane:
    """Return the signed distance to a disc."""
    return length(x - center[0], y - center[1]) - radius


def ring(x: Plane, y: Plane) -> Plane:
    """Return the signed distance to a ring whose hole is just over half as wide as the whole."""
    return np.abs(disc(x, y, radius=0.78)) - 0.22


def crescent(x: Plane, y: Plane) -> Plane:
    """Return the distance to a disc less a second one."""
    return intersection(disc(x, y), -disc(x, y, radius=0.8, center=(0.5, 0)))


def heart(x: Plane, y: Plane) -> Plane:
    """Return the distance to a square on its corner with a half disc on each upper side."""
    right = disc(x, y, radius=math.sqrt(0.5), center=(0.5, 0.5))
    left = disc(x, y, radius=math.sqrt(0.5), center=(-0.5, 0.5))
    square = (np.abs(x) + np.abs(y) - 1) * math.sqrt(0.5)
    return np.minimum(square, np.minimum(left, right))


def polygon(*corners: tuple[float, float]) -> Shape:
    """Return the exact signed distance to the polygon with these corners, convex or not."""

    def distance(x: Plane, y: Plane) -> Plane:
        nearest = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf, np.float32)
        inside = np.zeros(nearest.shape, bool)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            ex, ey = bx - ax, by - ay
            px, py = x - ax, y - ay
            along = np.clip((px * ex + py * ey) * (1 / (ex * ex + ey * ey)), 0, 1)
            squared = np.square(px - along * ex) + np.square(py - along * ey)
            np.minimum(nearest, squared, out=nearest)
            if ey:  # a ray along x meets this side: an odd number of meetings means inside
                inside ^= ((y < ay) != (y < by)) & (px < py * (ex / ey))
        root = np.sqrt(nearest)
        return np.where(inside, -root, root)

    return distance


def spokes(*radii: float, count: int) -> list[tuple[float, float]]:
    """Return `count` corners at equal angles, at distances that repeat `radii`."""
    angles = [math.pi / 2 + 2 * math.pi * k / count for k in range(count)]
    lengths = [radii[k % len(radii)] for k in range(count)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(lengths, angles, strict=True)]


def mirrored(*right: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the corners `right` and, in the opposite order, their mirror images in the y axis."""
    return [*right, *((-x, y) for x, y in reversed(right) if x)]


SQUARE = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
CROSS = [(1, 0.33), (0.33, 0.33), (0.33, 1), (-0.33, 1), (-0.33, 0.33), (-1, 0.33)]

SHAPES: dict[str, Shape] = {
    "circle": disc,
    "ring": ring,
    "triangle": polygon(*spokes(1, count=3)),
    "square": polygon(*SQUARE),
    "pentagon": polygon(*spokes(1, count=5)),
    "star": polygon(*spokes(1, 0.45, count=10)),
    "cross": polygon(*CROSS, *((-x, -y) for x, y in CROSS)),
    "crescent": crescent,
    "heart": heart,
    "arrow": polygon(*mirrored((0, 1.2), (0.85, 0.2), (0.32, 0.2), (0.32, -1))),
}


@cache
def extent(name: str) -> tuple[float, float, float]:
    """Return (side, x, y) of a shape as written above: the root of its area, and its centroid."""
    reach, steps = 1.25, 500
    axis = ((np.arange(steps, dtype=np.float32) + 0.5) / steps * 2 - 1) * np.float32(reach)
    inside = SHAPES[name](axis[None, :], axis[:, None]) <= 0
    side = 2 * reach * math.sqrt(np.count_nonzero(inside)) / steps
    rows, columns = np.nonzero(inside)
    return side, float(axis[columns].mean()), float(axis[rows].mean())


def unit_shape(name: str, x: Plane, y: Plane) -> Plane:
    """Return the signed distance to the shape `name`, of area 1 and with its centroid at 0."""
    side, middle_x, middle_y = extent(name)
    return SHAPES[name](x * side + middle_x, y * side + middle_y) / np.float32(side)
