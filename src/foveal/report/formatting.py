"""Numbers, names and verdicts as a reader wants them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

ABSENT = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def true_minus(text: str) -> str:
    """Set a minus sign before each negative number; one that rounds to zero has no sign.

    >>> true_minus("from -0.50 to +0.00, McNemar-like")
    'from −0.50 to 0.00, McNemar-like'
    """  # noqa: RUF002 - that is the sign
    text = re.sub(r"(?<!\w)[+-](0\.0+)(?!\d)", r"\1", text)
    return re.sub(r"(?<!\w)-(?=\d)", MINUS, text)


def percent(fraction: float, places: int = 2) -> str:
    """Write a fraction in percent, without the sign.

    >>> percent(0.84213), percent(math.nan)
    ('84.21', '–')
    """  # noqa: RUF002 - that is the sign
    return ABSENT if math.isnan(fraction) else f"{100 * fraction:.{places}f}"


def mean_and_sd(fractions: npt.NDArray[np.float64]) -> str:
    """Write mean and standard deviation over runs in percent; one run has no deviation.

    >>> mean_and_sd(np.array([0.84, 0.85, 0.86])), mean_and_sd(np.array([0.84]))
    ('85.00 ± 1.00', '84.00')
    """
    mean = percent(float(fractions.mean()))
    return f"{mean} ± {percent(float(fractions.std(ddof=1)))}" if len(fractions) > 1 else mean


def points(fraction: float) -> str:
    """Write a difference of accuracies in points, with its sign.

    >>> points(-0.0123)
    '−1.23'
    """  # noqa: RUF002 - that is the sign
    return true_minus(f"{100 * fraction:+.2f}")


def rise(value: float, before: float) -> str:
    """Write by how many percent a value is above another; nothing where they are equal.

    >>> rise(110, 100), rise(2205348, 2202122), rise(1, 1)
    ('+10.0 %', '+0.15 %', '')
    """
    if not before or value == before:
        return ""
    percent_more = 100 * (value / before - 1)
    return true_minus(
        f"{percent_more:+.1f} %" if abs(percent_more) >= 1 else f"{percent_more:+.2g} %"
    )


def with_rise(text: str, value: float, before: float) -> str:
    r"""Write below a number by how many percent it is above another; nothing where they are equal.

    >>> with_rise("110", 110, 100)
    '110\n+10.0 %'
    """
    more = rise(value, before)
    return f"{text}\n{more}" if more else text


def interval(ends: tuple[float, float]) -> str:
    """Write an interval of differences in points.

    >>> interval((-0.005, 0.0074))
    '[−0.50, +0.74]'
    """  # noqa: RUF002 - that is the sign
    return f"[{points(ends[0])}, {points(ends[1])}]"


def level(fraction: float) -> str:
    """Write the level of an interval.

    >>> level(0.9875), level(0.95)
    ('98.75 %', '95 %')
    """
    return f"{100 * fraction:.4g} %"


def seconds(value: float) -> str:
    """Write a time in seconds.

    >>> seconds(3.14159), seconds(1234.5)
    ('3.1', '1,234')
    """
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def listed(values: Sequence[object]) -> str:
    """Join values as in a sentence.

    >>> listed([0, 1, 2])
    '0, 1 and 2'
    """
    words = [str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def count(number: int, word: str) -> str:
    """Write how many there are.

    >>> count(1, "seed"), count(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    r"""Put a visible mark where a character cannot be shown in a page, nor stand in XML.

    >>> printable("bell\x07") == "bell\N{REPLACEMENT CHARACTER}"
    True
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def short(text: str, longest: int = 16) -> str:
    """Cut a name in its middle to what a figure has room for: variants differ at their ends.

    >>> short("series:reduction=16", 12)
    'series…on=16'
    """
    if len(text) <= longest:
        return text
    head = longest // 2
    return f"{text[:head]}\N{HORIZONTAL ELLIPSIS}{text[head + 1 - longest :]}"


def told_apart(names: Iterable[str], longest: int) -> dict[str, str]:
    """Return the short form of each name, with a number where two would be alike.

    >>> told_apart(["a:long=1:b", "a:wide=1:b"], 5)
    {'a:long=1:b': 'a:…:b', 'a:wide=1:b': 'a:…:b (2)'}
    """
    found: dict[str, str] = {}
    for name in names:
        cut = short(name, longest)
        count = sum(short(other, longest) == cut for other in found)
        found[name] = f"{cut} ({count + 1})" if count else cut
    return found
