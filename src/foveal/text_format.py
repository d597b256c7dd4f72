"""Text formatting: numbers, names and lists as a table, a figure or a sentence shows them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

BYTES_PER_MB = 2**20
ABSENT_VALUE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def use_minus_signs(text: str) -> str:
    """Replace the hyphen before each negative number by a minus sign; a rounded zero loses its sign.

    >>> use_minus_signs("from -0.50 to +0.00, McNemar-like")
    'from −0.50 to 0.00, McNemar-like'
    """
    text = re.sub(r"(?<!\w)[+-](0\.0+)(?!\d)", r"\1", text)
    return re.sub(r"(?<!\w)-(?=\d)", MINUS, text)


def format_fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Return a number with fixed decimals, half rounded away from zero.

    Equal means differ by the rounding of their sums, and are equal in print.

    >>> format_fixed(92.85, 1), format_fixed(92.85000000000001, 1), format_fixed(-0.25, 1)
    ('92.9', '92.9', '-0.3')
    >>> format_fixed(2.5, 0, signed=True)
    '+3'
    """
    sign = "+" if signed else ""
    if not math.isfinite(value):
        return f"{value:{sign}}"
    step = Decimal(1).scaleb(-decimals)
    rounded = Decimal(str(round(float(value), 9))).quantize(step, ROUND_HALF_UP)
    return f"{rounded:{sign}f}"


def format_percent(fraction: float, decimals: int = 2) -> str:
    """Return a fraction in percent, without the percent sign; NaN becomes a dash.

    >>> format_percent(0.84213), format_percent(math.nan)
    ('84.21', '–')
    """
    return ABSENT_VALUE if math.isnan(fraction) else format_fixed(100 * fraction, decimals)


def format_mean_and_sd(fractions: npt.NDArray[np.float64]) -> str:
    """Return mean and standard deviation over runs in percent; a single run has no deviation.

    >>> format_mean_and_sd(np.array([0.84, 0.85, 0.86])), format_mean_and_sd(np.array([0.84]))
    ('85.00 ± 1.00', '84.00')
    """
    mean = format_percent(float(fractions.mean()))
    if len(fractions) == 1:
        return mean
    return f"{mean} ± {format_percent(float(fractions.std(ddof=1)))}"


def format_points(fraction: float) -> str:
    """Return a difference of two accuracies in percentage points, with its sign.

    >>> format_points(-0.0123)
    '−1.23'
    """
    return use_minus_signs(format_fixed(100 * fraction, 2, signed=True))


def choose_point_decimals(interval: tuple[float, float]) -> int:
    """Return the decimals of differences in points: 1 if half of the interval is a point or more, else 2.

    Without an interval (NaN) there is 1 decimal.

    >>> choose_point_decimals((-0.01, 0.02)), choose_point_decimals((-0.003, 0.002))
    (1, 2)
    """
    low, high = interval
    return 2 if (high - low) / 2 < 0.01 else 1


def format_rounded_points(fraction: float, decimals: int) -> str:
    """Return a difference of accuracies in points with a sign; a rounded zero has none.

    >>> format_rounded_points(-0.0123, 1), format_rounded_points(0.0001, 1)
    ('−1.2', '0.0')
    """
    return use_minus_signs(format_fixed(100 * fraction, decimals, signed=True))


def _format_percent_change(value: float, baseline: float) -> str:
    """Return the change from a baseline in percent; empty for equal values and a baseline of 0.

    >>> _format_percent_change(110, 100), _format_percent_change(2205348, 2202122)
    ('+10.0 %', '+0.15 %')
    >>> _format_percent_change(1, 1)
    ''
    """
    if not baseline or value == baseline:
        return ""
    change = 100 * (value / baseline - 1)
    return use_minus_signs(f"{change:+.1f} %" if abs(change) >= 1 else f"{change:+.2g} %")


def with_percent_change(text: str, value: float, baseline: float) -> str:
    r"""Append a line with the change from a baseline in percent, if there is a change.

    >>> with_percent_change("110", 110, 100)
    '110\n+10.0 %'
    """
    change = _format_percent_change(value, baseline)
    return f"{text}\n{change}" if change else text


def format_points_range(bounds: tuple[float, float]) -> str:
    """Return a range of sizes of differences in percentage points; a single number if both are equal.

    >>> format_points_range((0.0081, 0.0124)), format_points_range((0.01, 0.01))
    ('0.81 to 1.24', '1.00')
    """
    low, high = (format_percent(bound) for bound in bounds)
    return low if low == high else f"{low} to {high}"


def format_margin(points: float) -> str:
    """Return a margin with its unit.

    >>> format_margin(0.5), format_margin(1.0)
    ('0.5 points', '1 point')
    """
    return f"{points:g} {'point' if points == 1 else 'points'}"


def format_interval(bounds: tuple[float, float]) -> str:
    """Return an interval of accuracy differences in percentage points.

    >>> format_interval((-0.005, 0.0074))
    '[−0.50, +0.74]'
    """
    return f"[{format_points(bounds[0])}, {format_points(bounds[1])}]"


def format_level(fraction: float) -> str:
    """Return the level of an interval in percent.

    >>> format_level(0.9875), format_level(0.95)
    ('98.75 %', '95 %')
    """
    return f"{100 * fraction:.4g} %"


def format_seconds(value: float) -> str:
    """Return a duration in seconds, with one decimal below 100 s.

    >>> format_seconds(3.14159), format_seconds(1234.5)
    ('3.1', '1,234')
    """
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def format_duration(seconds: float) -> str:
    """Return a duration as text, in its two largest units.

    >>> format_duration(5), format_duration(90), format_duration(4000), format_duration(200000)
    ('5 s', '2 min', '1 h 7 min', '2 d 7 h')
    >>> format_duration(7200)
    '2 h'
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    parts = [(hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def join_with_and(values: Sequence[object]) -> str:
    """Join values with commas and a final "and".

    >>> join_with_and([0, 1, 2])
    '0, 1 and 2'
    """
    words = [str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def join_first(values: Sequence[object], limit: int) -> str:
    """Join the first values and the number of the others.

    >>> join_first(["a", "b", "c", "d"], 2), join_first(["a", "b"], 2)
    ('a, b and 2 more', 'a and b')
    """
    more = len(values) - limit
    return join_with_and([*values[:limit], *([f"{more} more"] if more > 0 else [])])


def join_seeds(seeds: Iterable[int]) -> str:
    """Join seeds after their noun; three or more in a row become a range.

    >>> join_seeds([0, 1, 2, 5, 4]), join_seeds([3])
    ('seeds 0 to 2, 4 and 5', 'seed 3')
    """
    numbers = sorted(set(seeds))
    words, start = list[str](), 0
    for end, number in enumerate(numbers, 1):
        if numbers[end : end + 1] != [number + 1]:
            row = numbers[start:end]
            words += [f"{row[0]} to {number}"] if len(row) > 2 else map(str, row)
            start = end
    return f"{'seed' if len(numbers) == 1 else 'seeds'} {join_with_and(words)}"


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural.

    >>> format_count(1, "seed"), format_count(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def replace_unprintable(text: str) -> str:
    r"""Replace control characters, which neither HTML nor XML can contain, by a visible mark.

    >>> replace_unprintable("bell\x07") == "bell\N{REPLACEMENT CHARACTER}"
    True
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shorten_name(name: str, max_length: int = 16) -> str:
    """Cut a long name in its middle, since variants differ at their ends.

    >>> shorten_name("cbam:reduction=16", 12)
    'cbam:r…on=16'
    """
    if len(name) <= max_length:
        return name
    head = max_length // 2
    return f"{name[:head]}\N{HORIZONTAL ELLIPSIS}{name[head + 1 - max_length :]}"


def shorten_names(names: Iterable[str], max_length: int) -> dict[str, str]:
    """Return the short form of each name, numbered where two short forms would be equal.

    >>> shorten_names(["a:long=1:b", "a:wide=1:b"], 5)
    {'a:long=1:b': 'a:…:b', 'a:wide=1:b': 'a:…:b (2)'}
    """
    labels: dict[str, str] = {}
    for name in names:
        short = shorten_name(name, max_length)
        repeats = sum(shorten_name(other, max_length) == short for other in labels)
        labels[name] = f"{short} ({repeats + 1})" if repeats else short
    return labels
