"""Short timing: the tests check what is measured and how it is reported, not how exact a time is."""

import pytest

from foveal.cost import timing


@pytest.fixture(autouse=True)
def short_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MAX_SECONDS_PER_FUNCTION", 0.0)  # the smallest number of rounds
    monkeypatch.setattr(timing, "MIN_BLOCK_SECONDS", 0.0)  # one call per round
