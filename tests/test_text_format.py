"""Durations as text."""

import pytest

from foveal.text_format import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.6, "60 s"), (61, "1 min"), (3600, "1 h"), (5400, "1 h 30 min")]
)
def test_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
