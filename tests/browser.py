"""Chromium for the tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
REQUIRE_BROWSER = "FOVEAL_REQUIRE_BROWSER"


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Yield an installed Chromium.

    Without Playwright or Chromium the test is skipped. With `FOVEAL_REQUIRE_BROWSER=1` it fails instead.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        report_missing("Playwright is not installed.")
    path = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if path is None:
        report_missing(f"No browser is installed: none of {', '.join(EXECUTABLES)}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


def report_missing(reason: str) -> NoReturn:
    """Skip the test, or fail it if the environment requires a browser."""
    if os.environ.get(REQUIRE_BROWSER) == "1":
        pytest.fail(f"{reason} {REQUIRE_BROWSER}=1 requires one.")
    pytest.skip(reason)


def expect(locator: Locator) -> Any:
    """Return the assertions of Playwright, which wait for their condition."""
    from playwright.sync_api import expect as expect_locator

    return expect_locator(locator)
