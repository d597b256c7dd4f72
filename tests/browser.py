"""A browser for the tests of pages, where this machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Lend a Chromium of this machine; a test without one is skipped and says what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"there is no browser here: none of {', '.join(NAMES)}")
    with playwright.sync_playwright() as engine:
        browser: Browser = engine.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()
