"""Draws the flow of a feature map through a module: boxes on a grid, arrows along its lines."""

# The signs of the papers are meant.
# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from foveal.plotting import (
    GRID_COLOR,
    MUTED_COLOR,
    TEXT_COLOR,
    new_figure,
    report_style,
    svg_element,
)

FONT = 12  # px, as every length here
LINE = 16
GAP = 22
ROW = 58
PADDING = 8
RADIUS = 11
MARGIN = 4

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """One box: its text, and its column and row on the grid. A single sign is drawn as a circle."""

    text: str
    column: int
    row: float = 0.0

    @property
    def circle(self) -> bool:
        """Whether it joins its inputs: a sum, a product or a maximum."""
        return self.text in {"+", "⊗"}

    @property
    def bare(self) -> bool:
        """Whether it is a feature map, which has no frame."""
        return self.text.rstrip("′") in {"F", "F″"}


@dataclass(frozen=True)
class Flow:
    """A figure: boxes by name, the paths that run through them, and the ways around.

    A path names boxes in their order, parted by blanks. A way around goes from one box down (or up)
    to a row, along it, and up (or down) to another box.
    """

    boxes: dict[str, Box]
    paths: tuple[str, ...]
    around: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class Placed:
    """A box with its center, half its width and height, and the right edge of its column."""

    box: Box
    x: float
    y: float
    half_width: float
    half_height: float
    edge: float

    def holds(self, start: Point, end: Point) -> bool:
        """Say whether a level or upright line touches the box."""
        (left, right), (low, high) = sorted((start[0], end[0])), sorted((start[1], end[1]))
        return (
            left < self.x + self.half_width
            and right > self.x - self.half_width
            and low < self.y + self.half_height
            and high > self.y - self.half_height
        )


@report_style()
def draw(flow: Flow, *, name: str, description: str) -> str:
    """Return the figure as SVG for a page, the same text for the same flow.

    Raises:
        ValueError: an arrow would run through a box.
    """
    placed = place(flow)
    lanes = [lane for *_, lane in flow.around]
    rows = [box.row for box in flow.boxes.values()]
    top, bottom = min([*rows, *lanes]), max([*rows, *lanes])
    width = max(spot.x + spot.half_width for spot in placed.values()) + MARGIN
    high = max([spot.y + spot.half_height for spot in placed.values()] + [-top * ROW]) + MARGIN
    low = min([spot.y - spot.half_height for spot in placed.values()] + [-bottom * ROW]) - MARGIN
    figure = new_figure(width, high - low)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(low, high))
    axes.set_axis_off()
    for start, end, points in arrows(flow, placed):
        refuse_crossing(points, [s for n, s in placed.items() if n not in {start, end}], name)
        draw_arrow(axes, points)
    for spot in placed.values():
        draw_box(axes, spot)
    return svg_element(figure, name=name, description=description)


def place(flow: Flow) -> dict[str, Placed]:
    """Give each box its place: a column is as wide as its widest box."""
    halves = {name: half_sizes(box) for name, box in flow.boxes.items()}
    columns = range(1 + max(box.column for box in flow.boxes.values()))
    widths = [
        max(halves[name][0] for name, box in flow.boxes.items() if box.column == column)
        for column in columns
    ]
    centers = [
        MARGIN + 2 * sum(widths[:column]) + widths[column] + GAP * column for column in columns
    ]
    return {
        name: Placed(
            box,
            centers[box.column],
            -box.row * ROW,
            *halves[name],
            centers[box.column] + widths[box.column],
        )
        for name, box in flow.boxes.items()
    }


def half_sizes(box: Box) -> tuple[float, float]:
    """Return half the width and half the height that the text of a box needs."""
    if box.circle:
        return RADIUS, RADIUS
    lines = box.text.split("\n")
    width = max(TextPath((0, 0), line, size=FONT).get_extents().width for line in lines)
    padding = PADDING / 2 if box.bare else PADDING
    return width / 2 + padding, (len(lines) * LINE) / 2 + padding / 2


def arrows(flow: Flow, placed: dict[str, Placed]) -> Iterator[tuple[str, str, list[Point]]]:
    """Yield both ends and the corners of every arrow, each arrow once."""
    steps = [step for path in flow.paths for step in pairwise(path.split())]
    for start, end in dict.fromkeys(steps):
        yield start, end, along(placed[start], placed[end])
    for start, end, lane in flow.around:
        yield start, end, by_lane(placed[start], placed[end], -lane * ROW)


def along(start: Placed, end: Placed) -> list[Point]:
    """Go level from one box to the next, and change rows behind its column, or at a circle itself."""
    first = (start.x + start.half_width, start.y)
    last = (end.x - end.half_width, end.y)
    if start.y == end.y:
        return [first, last]
    if end.box.circle:
        side = end.half_height if start.y > end.y else -end.half_height
        return [first, (end.x, start.y), (end.x, end.y + side)]
    turn = start.edge + GAP / 2
    return [first, (turn, start.y), (turn, end.y), last]


def by_lane(start: Placed, end: Placed, lane: float) -> list[Point]:
    """Go around what stands between two boxes."""
    below = -1 if lane < start.y else 1
    return [
        (start.x, start.y + below * start.half_height),
        (start.x, lane),
        (end.x, lane),
        (end.x, end.y + below * end.half_height),
    ]


def refuse_crossing(points: list[Point], others: list[Placed], name: str) -> None:
    """Refuse an arrow that runs through a box which is neither of its ends."""
    for step in pairwise(points):
        for spot in others:
            if spot.holds(*step):
                raise ValueError(f"In the figure {name!r} an arrow runs through {spot.box.text!r}.")


def draw_arrow(axes: Axes, points: list[Point]) -> None:
    """Draw one arrow through its corners."""
    arrow = FancyArrowPatch(
        path=Path(points),
        arrowstyle="-|>,head_length=0.5,head_width=0.22",
        mutation_scale=12,
        color=MUTED_COLOR,
        linewidth=1.2,
        joinstyle="round",
        capstyle="butt",
        clip_on=False,
    )
    axes.add_patch(arrow)


def draw_box(axes: Axes, spot: Placed) -> None:
    """Draw one box and its text."""
    if spot.box.circle:
        look = {"edgecolor": TEXT_COLOR, "facecolor": "none", "linewidth": 1.2, "clip_on": False}
        axes.add_patch(Circle((spot.x, spot.y), RADIUS, **look))
        draw_sign(axes, spot)
        return
    if not spot.box.bare:
        corner = (spot.x - spot.half_width, spot.y - spot.half_height)
        frame = FancyBboxPatch(
            corner,
            2 * spot.half_width,
            2 * spot.half_height,
            boxstyle="round,pad=0,rounding_size=4",
            edgecolor=MUTED_COLOR,
            facecolor=GRID_COLOR,
            linewidth=1,
            clip_on=False,
        )
        axes.add_patch(frame)
    lines = spot.box.text.split("\n")
    for number, line in enumerate(lines):
        y = spot.y + ((len(lines) - 1) / 2 - number) * LINE - 0.36 * FONT
        weight = "bold" if spot.box.bare else "normal"
        axes.text(spot.x, y, line, ha="center", size=FONT, weight=weight, color=TEXT_COLOR)


def draw_sign(axes: Axes, spot: Placed) -> None:
    """Draw the sign inside a circle by strokes, so that no font moves it off the center."""
    reach = RADIUS * (0.5 if spot.box.text == "+" else 0.7071)
    strokes = (
        (((-1, 0), (1, 0)), ((0, -1), (0, 1)))
        if spot.box.text == "+"
        else (((-1, -1), (1, 1)), ((-1, 1), (1, -1)))
    )
    for (x0, y0), (x1, y1) in strokes:
        axes.plot(
            [spot.x + reach * x0, spot.x + reach * x1],
            [spot.y + reach * y0, spot.y + reach * y1],
            color=TEXT_COLOR,
            linewidth=1.2,
            clip_on=False,
        )
