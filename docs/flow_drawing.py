"""Figures of the data flow through a module: boxes on a grid, connected by arrows."""

# Formulas use the signs of the papers.
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
    build_svg_element,
    new_figure,
    use_report_style,
)

# All lengths are in px.
FONT_SIZE = 12
LINE_HEIGHT = 16
COLUMN_GAP = 22
ROW_HEIGHT = 58
BOX_PADDING = 8
CIRCLE_RADIUS = 11
MARGIN = 4

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """One box: its text, and its column and row on the grid; a single sign is drawn as a circle."""

    text: str
    column: int
    row: float = 0.0

    @property
    def is_circle(self) -> bool:
        """True for an operation that joins its inputs: a sum or a product."""
        return self.text in {"+", "⊗"}

    @property
    def is_map(self) -> bool:
        """True for a feature map, which has no frame."""
        return self.text.rstrip("′") in {"F", "F″"}


@dataclass(frozen=True)
class Flow:
    """A figure: boxes by name, paths through the boxes, and bypasses.

    A path lists the names of boxes, separated by blanks. A bypass (start, end, row) goes from the start box
    vertically to a row, along the row, and vertically to the end box.
    """

    boxes: dict[str, Box]
    paths: tuple[str, ...]
    bypasses: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class PlacedBox:
    """A box with its center, half its width and height, and the right edge of its column."""

    box: Box
    x: float
    y: float
    half_width: float
    half_height: float
    column_edge: float

    def intersects(self, start: Point, end: Point) -> bool:
        """Return whether a horizontal or vertical line touches the box."""
        (left, right), (low, high) = sorted((start[0], end[0])), sorted((start[1], end[1]))
        return (
            left < self.x + self.half_width
            and right > self.x - self.half_width
            and low < self.y + self.half_height
            and high > self.y - self.half_height
        )


@use_report_style()
def draw_flow(flow: Flow, *, name: str, description: str) -> str:
    """Return the figure as SVG for a page; the same flow gives the same text.

    Raises:
        ValueError: an arrow would cross a box.
    """
    placed = place_boxes(flow)
    lanes = [lane for *_, lane in flow.bypasses]
    rows = [box.row for box in flow.boxes.values()]
    top, bottom = min([*rows, *lanes]), max([*rows, *lanes])
    boxes = list(placed.values())
    width = max(box.x + box.half_width for box in boxes) + MARGIN
    high = max([box.y + box.half_height for box in boxes] + [-top * ROW_HEIGHT]) + MARGIN
    low = min([box.y - box.half_height for box in boxes] + [-bottom * ROW_HEIGHT]) - MARGIN
    figure = new_figure(width, high - low)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(low, high))
    axes.set_axis_off()
    for start, end, points in find_arrows(flow, placed):
        check_crossing(points, [box for n, box in placed.items() if n not in {start, end}], name)
        draw_arrow(axes, points)
    for box in boxes:
        draw_box(axes, box)
    return build_svg_element(figure, name=name, description=description)


def place_boxes(flow: Flow) -> dict[str, PlacedBox]:
    """Return each box with its position; a column is as wide as its widest box."""
    halves = {name: half_sizes(box) for name, box in flow.boxes.items()}
    columns = range(1 + max(box.column for box in flow.boxes.values()))
    widths = [
        max(halves[name][0] for name, box in flow.boxes.items() if box.column == column)
        for column in columns
    ]
    centers = [
        MARGIN + 2 * sum(widths[:column]) + widths[column] + COLUMN_GAP * column
        for column in columns
    ]
    return {
        name: PlacedBox(
            box,
            centers[box.column],
            -box.row * ROW_HEIGHT,
            *halves[name],
            centers[box.column] + widths[box.column],
        )
        for name, box in flow.boxes.items()
    }


def half_sizes(box: Box) -> tuple[float, float]:
    """Return half the width and half the height of a box around its text."""
    if box.is_circle:
        return CIRCLE_RADIUS, CIRCLE_RADIUS
    lines = box.text.split("\n")
    width = max(TextPath((0, 0), line, size=FONT_SIZE).get_extents().width for line in lines)
    padding = BOX_PADDING / 2 if box.is_map else BOX_PADDING
    return width / 2 + padding, (len(lines) * LINE_HEIGHT) / 2 + padding / 2


def find_arrows(flow: Flow, placed: dict[str, PlacedBox]) -> Iterator[tuple[str, str, list[Point]]]:
    """Yield start, end and corners of every arrow, each arrow once."""
    steps = [step for path in flow.paths for step in pairwise(path.split())]
    for start, end in dict.fromkeys(steps):
        yield start, end, path_corners(placed[start], placed[end])
    for start, end, lane in flow.bypasses:
        yield start, end, bypass_corners(placed[start], placed[end], -lane * ROW_HEIGHT)


def path_corners(start: PlacedBox, end: PlacedBox) -> list[Point]:
    """Return the corners of an arrow between boxes; it changes rows after the column, or at a circle."""
    first = (start.x + start.half_width, start.y)
    last = (end.x - end.half_width, end.y)
    if start.y == end.y:
        return [first, last]
    if end.box.is_circle:
        side = end.half_height if start.y > end.y else -end.half_height
        return [first, (end.x, start.y), (end.x, end.y + side)]
    turn = start.column_edge + COLUMN_GAP / 2
    return [first, (turn, start.y), (turn, end.y), last]


def bypass_corners(start: PlacedBox, end: PlacedBox, lane: float) -> list[Point]:
    """Return the corners of a bypass along the row at height `lane`."""
    direction = -1 if lane < start.y else 1
    return [
        (start.x, start.y + direction * start.half_height),
        (start.x, lane),
        (end.x, lane),
        (end.x, end.y + direction * end.half_height),
    ]


def check_crossing(points: list[Point], others: list[PlacedBox], name: str) -> None:
    """Raise ValueError if an arrow crosses one of the `others`, the boxes that it does not connect."""
    for step in pairwise(points):
        for placed_box in others:
            if placed_box.intersects(*step):
                raise ValueError(
                    f"In the figure {name!r} an arrow crosses {placed_box.box.text!r}."
                )


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


def draw_box(axes: Axes, placed_box: PlacedBox) -> None:
    """Draw one box and its text."""
    if placed_box.box.is_circle:
        style = {"edgecolor": TEXT_COLOR, "facecolor": "none", "linewidth": 1.2, "clip_on": False}
        axes.add_patch(Circle((placed_box.x, placed_box.y), CIRCLE_RADIUS, **style))
        draw_sign(axes, placed_box)
        return
    if not placed_box.box.is_map:
        corner = (placed_box.x - placed_box.half_width, placed_box.y - placed_box.half_height)
        frame = FancyBboxPatch(
            corner,
            2 * placed_box.half_width,
            2 * placed_box.half_height,
            boxstyle="round,pad=0,rounding_size=4",
            edgecolor=MUTED_COLOR,
            facecolor=GRID_COLOR,
            linewidth=1,
            clip_on=False,
        )
        axes.add_patch(frame)
    lines = placed_box.box.text.split("\n")
    for number, line in enumerate(lines):
        y = placed_box.y + ((len(lines) - 1) / 2 - number) * LINE_HEIGHT - 0.36 * FONT_SIZE
        weight = "bold" if placed_box.box.is_map else "normal"
        axes.text(
            placed_box.x, y, line, ha="center", size=FONT_SIZE, weight=weight, color=TEXT_COLOR
        )


def draw_sign(axes: Axes, placed_box: PlacedBox) -> None:
    """Draw the sign inside a circle as strokes, so that its position does not depend on a font."""
    length = CIRCLE_RADIUS * (0.5 if placed_box.box.text == "+" else 0.7071)
    strokes = (
        (((-1, 0), (1, 0)), ((0, -1), (0, 1)))
        if placed_box.box.text == "+"
        else (((-1, -1), (1, 1)), ((-1, 1), (1, -1)))
    )
    for (x0, y0), (x1, y1) in strokes:
        axes.plot(
            [placed_box.x + length * x0, placed_box.x + length * x1],
            [placed_box.y + length * y0, placed_box.y + length * y1],
            color=TEXT_COLOR,
            linewidth=1.2,
            clip_on=False,
        )
