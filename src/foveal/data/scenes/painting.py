"""How a scene of `scenes` is painted: background, clutter, object, what hides it, and light.

Only operations that IEEE 754 rounds exactly touch the pixels (no sine, no matrix product), so
neither the chunk that an image is in nor the width of the vector unit moves a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.data.scenes.rng import Chance, Plane
from foveal.data.scenes.shapes import SHAPES, intersection, length, unit_shape

Mask = npt.NDArray[np.bool_]
Clutter = Callable[[Plane, Plane, Chance], Plane]

STROKES, PATCHES = 5, 4  # the most that one scene has
LEAN = 44  # degrees from the furthest left to the furthest right


def paint_scenes(
    labels: npt.NDArray[np.int64],
    chance: Chance,
    *,
    size: int,
    object_size: float,
    color_variation: float,
    clutter: float,
) -> tuple[npt.NDArray[np.uint8], Mask]:
    """Return N images (N, size, size, 3) of the classes `labels`, and their masks."""
    frame = Frame(size, object_size, color_variation, clutter)
    luma = chance.uniform("luma", 0.2, 0.5)
    canvas = background(frame, chance.of("background"), luma)
    for k in range(STROKES):
        scatter(canvas, frame, chance.of("stroke", k), stroke)
    for k in range(PATCHES):
        scatter(canvas, frame, chance.of("patch", k), patch)
    mask = place_object(canvas, frame, chance.of("object"), luma, labels)
    return expose(canvas, frame, chance.of("light")), mask


def background(frame: Frame, chance: Chance, luma: Plane) -> Plane:
    """Return a canvas (3, N, H, W): one color, and a texture to both sides of it."""
    base = frame.color(chance.of("base"), luma)
    accent = frame.color(chance.of("accent"), chance.uniform("accent", 0.1, 0.25))
    share = chance.uniform("share of waves")
    texture = share * waves(frame, chance) + (1 - share) * blobs(frame, chance)
    return base + accent * ((2 * texture - 1) * frame.clutter)


def waves(frame: Frame, chance: Chance) -> Plane:
    """Return stripes in [0, 1] at any angle, two to seven across the image."""
    along_x, along_y = chance.direction("angle")
    phase = (along_x * frame.x + along_y * frame.y) * chance.uniform("frequency", 2, 7)
    phase += chance.uniform("phase")
    return smooth(np.abs(2 * (phase - np.floor(phase)) - 1))


def blobs(frame: Frame, chance: Chance, cells: int = 6) -> Plane:
    """Return random values in [0, 1] at the corners of a grid, joined smoothly."""
    lattice = chance.fractions("lattice", (cells + 1) ** 2).reshape(-1, cells + 1, cells + 1)
    position = frame.axis * cells
    cell = position.astype(np.int64)
    weight = smooth(position - cell.astype(np.float32))
    upper, lower = lattice[:, cell], lattice[:, cell + 1]
    rows = upper + (lower - upper) * weight[:, None]
    left, right = rows[:, :, cell], rows[:, :, cell + 1]
    return left + (right - left) * weight


def scatter(canvas: Plane, frame: Frame, chance: Chance, clutter: Clutter) -> None:
    """Paint one piece of clutter anywhere, in the scenes that have it."""
    rows = present(frame, chance)
    chance = chance.take(rows)
    x, y = frame.x - chance.uniform("x"), frame.y - chance.uniform("y")
    color = frame.color(chance, chance.uniform("luma", 0.05, 0.95))
    paint(canvas, rows, frame.coverage(clutter(x, y, chance)), color)


def present(frame: Frame, chance: Chance) -> npt.NDArray[np.int64]:
    """Return the rows of the scenes that have a piece of clutter."""
    return np.flatnonzero(chance.uniform("present") < frame.clutter)


def stroke(x: Plane, y: Plane, chance: Chance) -> Plane:
    """Return the signed distance to a bow through (0, 0), nearly straight or bent."""
    radius = chance.uniform("radius", 0.15, 0.6)
    towards_x, towards_y = chance.direction("angle")
    bow = np.abs(length(x - radius * towards_x, y - radius * towards_y) - radius)
    line = bow - chance.uniform("width", 0.01, 0.03)
    return intersection(line, length(x, y) - 0.25)


def patch(x: Plane, y: Plane, chance: Chance) -> Plane:
    """Return the signed distance to a disc of which a straight cut leaves about a half."""
    towards_x, towards_y = chance.direction("angle")
    cut = towards_x * x + towards_y * y - chance.uniform("cut", -0.04, 0.04)
    return intersection(length(x, y) - chance.uniform("radius", 0.06, 0.16), cut)


def place_object(
    canvas: Plane, frame: Frame, chance: Chance, luma: Plane, labels: npt.NDArray[np.int64]
) -> Mask:
    """Paint the objects, some of them behind a stroke, and return where they are seen."""
    side = chance.uniform("side", 0.7, 1.3) * frame.object_size
    # The same margin for all classes, so that place tells nothing of the class.
    reach = 0.62 * side
    x = (frame.x - reach - (1 - 2 * reach) * chance.uniform("x")) / side
    y = (frame.y - reach - (1 - 2 * reach) * chance.uniform("y")) / side
    distance = turned_shapes(x, y, chance, labels) * side
    brightness = luma + chance.uniform("contrast", 0.18, 0.55)
    near, far = (frame.color(chance.of(end), brightness) for end in ("near", "far"))
    along_x, along_y = chance.direction("shading")
    blend = np.clip(0.5 + along_x * x + along_y * y, 0, 1)
    everywhere = np.arange(len(labels))
    paint(canvas, everywhere, frame.coverage(distance), near + (far - near) * blend)

    mask = distance <= 0
    chance = chance.of("in front")
    rows = present(frame, chance)
    chance, x, y, side = chance.take(rows), x[rows], y[rows], side[rows]
    x, y = x - chance.uniform("x", -0.4, 0.4), y - chance.uniform("y", -0.4, 0.4)
    # A stroke of an image three sides wide: it can cross the object, and hides little of it.
    hiding = stroke(x / 3, y / 3, chance) * (3 * side)
    paint(canvas, rows, frame.coverage(hiding), frame.color(chance, chance.uniform("luma")))
    mask[rows] &= hiding > 0
    return mask


def turned_shapes(x: Plane, y: Plane, chance: Chance, labels: npt.NDArray[np.int64]) -> Plane:
    """Return the signed distance to each image's shape of area 1, turned and stretched a little."""
    cosine, sine = chance.direction("turn", LEAN)
    stretch = chance.uniform("stretch", 0.87, 1.15)
    across = (cosine * x + sine * y) * stretch
    down = (cosine * y - sine * x) / stretch
    distance = np.empty_like(across)
    for label, name in enumerate(SHAPES):
        rows = np.flatnonzero(labels == label)
        if rows.size:
            distance[rows] = unit_shape(name, across[rows], -down[rows])
    return distance


def expose(canvas: Plane, frame: Frame, chance: Chance) -> npt.NDArray[np.uint8]:
    """Return the canvas as images (N, H, W, 3), under slanting light and with sensor noise."""
    along_x, along_y = chance.direction("angle")
    slant = along_x * (frame.x - 0.5) + along_y * (frame.y - 0.5)
    canvas *= 1 + chance.uniform("slant", 0, 0.5) * frame.clutter * slant
    grain = chance.fractions("grain", frame.size**2).reshape(-1, frame.size, frame.size) - 0.5
    canvas += grain * chance.uniform("noise", 0, 0.2) * frame.clutter
    levels = np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    return np.moveaxis(levels, 0, -1)


def paint(canvas: Plane, rows: npt.NDArray[np.int64], coverage: Plane, color: Plane) -> None:
    """Lay `color` (3, N, 1 or H, 1 or W) over the images `rows` by the share `coverage`."""
    below = canvas[:, rows]
    canvas[:, rows] = below + coverage * (color - below)


def smooth(t: Plane) -> Plane:
    """Return the smooth step 3 t^2 - 2 t^3 of t in [0, 1]."""
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Frame:
    """The options of a scene, and where its pixels lie: x to the right, y down, both in [0, 1]."""

    size: int
    object_size: float
    color_variation: float
    clutter: float

    @property
    def axis(self) -> Plane:
        """Centers of the pixels of one row, (W,)."""
        centers: Plane = (np.arange(self.size, dtype=np.float32) + 0.5) / np.float32(self.size)
        return centers

    @property
    def x(self) -> Plane:
        """Centers of the columns, (1, 1, W)."""
        return self.axis[None, None, :]

    @property
    def y(self) -> Plane:
        """Centers of the rows, (1, H, 1)."""
        return self.axis[None, :, None]

    def coverage(self, distance: Plane) -> Plane:
        """Return the share of each pixel that lies inside, its edge one pixel wide."""
        share: Plane = np.clip(0.5 - distance * self.size, 0, 1)
        return share

    def color(self, chance: Chance, luma: Plane) -> Plane:
        """Return a color of that brightness in any hue, red, green and blue first."""
        red, blue = chance.direction("hue")
        strength = chance.uniform("chroma", 0.12, 0.35) * self.color_variation
        red, blue = red * strength, blue * strength
        # Y, Cb and Cr to R, G and B as in ITU-R BT.601.
        offset: Plane = np.stack([1.402 * red, -0.714 * red - 0.344 * blue, 1.772 * blue])
        return luma + offset
