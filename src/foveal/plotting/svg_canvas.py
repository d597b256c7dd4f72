"""Figures of pages: shapes and text with the classes of a style sheet, written as one SVG element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from markupsafe import Markup, escape

from foveal.text_format import MINUS, replace_unprintable

_HUES: Final = 4
_TICK_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def get_hue(index: int) -> int:
    """Return the number of the color of the variant with this style index; 0 is that of the baseline.

    >>> [get_hue(index) for index in (0, 1, 4, 5, 9)]
    [0, 1, 4, 1, 1]
    """
    return 0 if index == 0 else 1 + (index - 1) % _HUES


class SvgCanvas:
    """An SVG element of `width` x `height` CSS pixels under construction.

    Colors are CSS classes: `v0` to `v4` are variants, `f` fills and `s` strokes with their color.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width = width
        self.height = height
        self._parts: list[str] = []

    def add(self, markup: str) -> None:
        """Add an element that is complete and escaped."""
        self._parts.append(markup)

    def add_rectangle(
        self, x: float, y: float, width: float, height: float, classes: str, extra: str = ""
    ) -> None:
        """Add a rectangle; `extra` are further attributes."""
        self.add(
            f'<rect class="{classes}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" '
            f'height="{_n(height)}"{extra}/>'
        )

    def add_line(self, x0: float, y0: float, x1: float, y1: float, classes: str) -> None:
        """Add a straight line."""
        self.add(f'<path class="{classes}" d="M{_n(x0)} {_n(y0)}L{_n(x1)} {_n(y1)}"/>')

    def add_curve(
        self,
        points: Sequence[tuple[float, float]],
        classes: str,
        *,
        index: int | None = None,
        width: float = 1.0,
        opacity: float = 1.0,
    ) -> None:
        """Add a line through points; it is interrupted where a value is not finite."""
        commands, is_open = [], False
        for x, y in points:
            if math.isfinite(y):
                commands.append(f"{'L' if is_open else 'M'}{_n(x)} {_n(y)}")
            is_open = math.isfinite(y)
        if commands:
            faint = f' opacity="{_n(opacity)}"' if opacity < 1 else ""
            self.add(
                f'<path class="{classes}"{_data(index)} stroke-width="{_n(width)}"{faint} '
                f'd="{"".join(commands)}"/>'
            )

    def add_text(
        self,
        x: float,
        y: float,
        text: str,
        classes: str = "t",
        *,
        anchor: str = "",
        extra: str = "",
    ) -> None:
        """Add a line of text; `anchor` is the text anchor, by default its start."""
        align = f' text-anchor="{anchor}"' if anchor else ""
        shown = escape(replace_unprintable(text))
        self.add(f'<text x="{_n(x)}" y="{_n(y)}" class="{classes}"{align}{extra}>{shown}</text>')

    def add_marker(self, index: int, x: float, y: float, radius: float, *, title: str = "") -> None:
        """Add the filled marker of the variant with this style index."""
        self.add(draw_marker(index, x, y, radius, title=title))

    def add_seed(
        self, index: int, x: float, y: float, *, title: str = "", radius: float = 3.6
    ) -> None:
        """Add the hollow circle of one seed."""
        self.add(
            f'<circle class="o v{get_hue(index)}"{_data(index)} cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}">'
            f"{_title(title)}</circle>"
        )

    def add_interval(
        self, index: int, x0: float, x1: float, y: float, *, width: float = 2.5, cap: float = 4
    ) -> None:
        """Add a horizontal interval with caps."""
        self.add(
            f'<path class="s v{get_hue(index)}"{_data(index)} stroke-width="{_n(width)}" '
            f'd="M{_n(x0)} {_n(y)}H{_n(x1)}M{_n(x0)} {_n(y - cap)}v{_n(2 * cap)}M{_n(x1)} {_n(y - cap)}'
            f'v{_n(2 * cap)}"/>'
        )

    def render(self, description: str) -> Markup:
        """Return the element, with its description for screen readers."""
        label = escape(replace_unprintable(description))
        return Markup(  # noqa: S704 - all text is escaped where it is added
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'role="img" aria-label="{label}">{"".join(self._parts)}</svg>'
        )


def draw_marker(index: int, x: float, y: float, radius: float, *, title: str = "") -> str:
    """Return the marker of a variant: circle, square, diamond, triangles; from the fifth on plus or cross."""
    attributes = f'class="f v{get_hue(index)}"{_data(index)}'
    r, inner = radius, _title(title)
    if index == 0:
        return f'<circle {attributes} cx="{_n(x)}" cy="{_n(y)}" r="{_n(r)}">{inner}</circle>'
    if index > _HUES:
        a, b = r, r / 3
        # A plus of twelve corners, turned by 45 degrees for a cross.
        side, bar = _n(a - b), _n(2 * b)
        shape = f"M{_n(x - b)} {_n(y - a)}h{bar}v{side}h{side}v{bar}h-{side}v{side}"
        shape += f"h-{bar}v-{side}h-{side}v-{bar}h{side}z"
        turn = f' transform="rotate(45 {_n(x)} {_n(y)})"' if index > 2 * _HUES else ""
        return f'<path {attributes}{turn} d="{shape}">{inner}</path>'
    shapes = {
        1: f"M{_n(x - r)} {_n(y - r)}h{_n(2 * r)}v{_n(2 * r)}h{_n(-2 * r)}z",
        2: f"M{_n(x)} {_n(y - 1.35 * r)}l{_n(1.35 * r)} {_n(1.35 * r)}l{_n(-1.35 * r)} {_n(1.35 * r)}"
        f"l{_n(-1.35 * r)} {_n(-1.35 * r)}z",
        3: f"M{_n(x)} {_n(y - 1.2 * r)}l{_n(1.25 * r)} {_n(2.2 * r)}h{_n(-2.5 * r)}z",
        4: f"M{_n(x)} {_n(y + 1.2 * r)}l{_n(1.25 * r)} {_n(-2.2 * r)}h{_n(-2.5 * r)}z",
    }
    return f'<path {attributes} d="{shapes[index]}">{inner}</path>'


def render_key(index: int) -> Markup:
    """Return the small marker of a variant beside its name."""
    return Markup(  # noqa: S704 - numbers only
        '<svg class="key" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">'
        f"{draw_marker(index, 7, 7, 4.4)}</svg>"
    )


def locate_on_axis(value: float, ticks: Sequence[float], start: float, end: float) -> float:
    """Return the place of a value on an axis whose first tick is at `start` and whose last is at `end`.

    >>> locate_on_axis(5.0, [0.0, 10.0, 20.0], 100.0, 20.0)
    80.0
    """
    return start + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (end - start)


def choose_ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most about `count` round numbers that cover the range from `low` to `high`.

    >>> choose_ticks(-14.5, 23.6, 5)
    [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0]
    >>> choose_ticks(0, 0, 3)
    [0.0, 0.5, 1.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        high = low + 1 if math.isfinite(low) else 1.0
        low = low if math.isfinite(low) else 0.0
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(
        factor * power for factor in _TICK_STEPS if factor * power * count >= (high - low) * 0.999
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(np.round(number * step, 10)) for number in range(first, last + 1)]


def format_tick(value: float, *, signed: bool = False) -> str:
    """Return a number of an axis with a true minus sign.

    >>> format_tick(-2.5, signed=True), format_tick(10, signed=True), format_tick(0, signed=True)
    ('−2.5', '+10', '0')
    """
    text = f"{abs(value):,g}"
    sign = MINUS if value < 0 else "+" if value > 0 and signed else ""
    return sign + text


def _n(value: float) -> str:
    """Return a coordinate with at most one decimal.

    >>> _n(12.0), _n(-0.04), _n(3.14159)
    ('12', '0', '3.1')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _data(index: int | None) -> str:
    """Return the attribute by which the script of a page dims other variants."""
    return "" if index is None else f' data-v="{index}"'


def _title(text: str) -> str:
    """Return the element whose text a browser shows under the pointer."""
    return f"<title>{escape(replace_unprintable(text))}</title>" if text else ""
