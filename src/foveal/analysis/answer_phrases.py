"""Phrases of the answers: differences, intervals, names of variants and small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foveal.stats import Comparison
from foveal.text_format import choose_point_decimals, format_rounded_points, join_with_and

_NUMBER_WORDS: Final = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
)
MAX_NAMED_VARIANTS: Final = 3
"""Number of variants up to which a sentence names each."""


def format_difference(comparison: Comparison, *, signed: bool = True) -> str:
    """Return the difference in points, with one decimal if its interval is wide, otherwise two."""
    decimals = choose_point_decimals(comparison.deciding_interval)
    difference = comparison.difference if signed else abs(comparison.difference)
    text = format_rounded_points(difference, decimals)
    return text if signed else text.lstrip("+")


def format_deciding_interval(comparison: Comparison) -> str:
    """Return the interval that decides, in points, for example `−0.3 to +0.2`."""
    interval = comparison.deciding_interval
    decimals = choose_point_decimals(interval)
    return " to ".join(format_rounded_points(bound, decimals) for bound in interval)


def join_variants(comparisons: Sequence[Comparison], word: str = "and") -> str:
    """Return the variants in backticks, joined with a word before the last one."""
    names = join_with_and([f"`{each.variant}`" for each in comparisons])
    return names if word == "and" else f" {word} ".join(names.rsplit(" and ", 1))


def spell_number(number: int) -> str:
    """Return a small number as a word.

    >>> spell_number(4), spell_number(12)
    ('four', '12')
    """
    return _NUMBER_WORDS[number] if number < len(_NUMBER_WORDS) else str(number)
