"""Page tests without a browser are skipped, or fail where a browser is required."""

import pytest

from browser import REQUIRE_BROWSER, launch_chromium


@pytest.mark.parametrize(
    ("value", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_missing_browser(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(REQUIRE_BROWSER, value)
    with pytest.raises(outcome), launch_chromium():
        pass
