"""Takes the pictures of a report and of the page that stand in README and on the site.

`python docs/screenshots.py runs/cifar10` needs Playwright and a Chromium on this machine.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent / "pictures"
LARGE, PHONE = {"width": 1280, "height": 960}, {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    study = parser.parse_args().study
    path = next(filter(None, map(shutil.which, BROWSERS)))
    HERE.mkdir(exist_ok=True)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path)
        report = (study / "report.html").resolve().as_uri()
        take(browser, report, "report", top, viewport=LARGE)
        take(browser, report, "report-dark", looks, viewport=LARGE, color_scheme="dark")
        take(browser, report, "report-phone", top, viewport=PHONE)
        take(browser, report, "report-print", printed, viewport={"width": 800, "height": 1130})
        served(browser, study)
        browser.close()


def served(browser: Browser, study: Path) -> None:
    """Take the page of `foveal serve` while it runs."""
    call = [sys.executable, "-m", "foveal", "serve", str(study), "--port", "0", "--json"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        address = ""
        while not address:
            address = "".join(re.findall(r"http://[^\"]+", server.stdout.readline()))
        take(browser, address, "serve", tried, viewport=LARGE)
        take(browser, address, "serve-phone", tried, viewport=PHONE)
        server.terminate()


def take(
    browser: Browser, address: str, name: str, ready: Callable[[Page], None], **context: Any
) -> None:
    """Open a page, bring it where it should be, and keep what is seen."""
    page = browser.new_page(**context)
    page.goto(address)
    ready(page)
    # No palette: it would change the colors of the scales.
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(
        HERE / f"{name}.png", optimize=True
    )
    page.close()


def top(page: Page) -> None:
    """Show the beginning."""


def looks(page: Page) -> None:
    """Show where the networks look."""
    page.locator("#looks").evaluate("heading => heading.scrollIntoView()")


def printed(page: Page) -> None:
    """Show the first page of paper."""
    page.emulate_media(media="print")


def tried(page: Page) -> None:
    """Show what all variants say of the first example."""
    page.locator("#thumbnails button").first.click()
    page.wait_for_function("document.querySelectorAll('#cards img').length > 4", timeout=30_000)
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
