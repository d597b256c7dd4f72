"""Screenshots of a report and of the page of `foveal serve`, for README and the site.

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

PICTURES_FOLDER = Path(__file__).parent / "pictures"
DESKTOP, PHONE = {"width": 1280, "height": 960}, {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    study = parser.parse_args().study
    path = next(filter(None, map(shutil.which, BROWSERS)))
    PICTURES_FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path)
        report = (study / "report.html").resolve().as_uri()
        take_screenshot(browser, report, "report", show_top, viewport=DESKTOP)
        take_screenshot(
            browser, report, "report-dark", show_occlusion, viewport=DESKTOP, color_scheme="dark"
        )
        take_screenshot(browser, report, "report-phone", show_top, viewport=PHONE)
        take_screenshot(
            browser, report, "report-print", show_print, viewport={"width": 800, "height": 1130}
        )
        take_serve_screenshots(browser, study)
        browser.close()


def take_serve_screenshots(browser: Browser, study: Path) -> None:
    """Take screenshots of the page of `foveal serve`."""
    call = [sys.executable, "-m", "foveal", "serve", str(study), "--port", "0", "--json"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        address = ""
        while not address:
            address = "".join(re.findall(r"http://[^\"]+", server.stdout.readline()))
        take_screenshot(browser, address, "serve", show_example, viewport=DESKTOP)
        take_screenshot(browser, address, "serve-phone", show_example, viewport=PHONE)
        server.terminate()


def take_screenshot(
    browser: Browser, address: str, name: str, prepare: Callable[[Page], None], **context: Any
) -> None:
    """Open a page, prepare it, and save a screenshot."""
    page = browser.new_page(**context)
    page.goto(address)
    prepare(page)
    # True color: a palette would change the color scales.
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(
        PICTURES_FOLDER / f"{name}.png", optimize=True
    )
    page.close()


def show_top(page: Page) -> None:
    """Show the top of the page."""


def show_occlusion(page: Page) -> None:
    """Scroll to the occlusion section."""
    page.locator("#looks").evaluate("heading => heading.scrollIntoView()")


def show_print(page: Page) -> None:
    """Show the first printed page."""
    page.emulate_media(media="print")


def show_example(page: Page) -> None:
    """Choose the first example and wait for the results of all variants."""
    page.locator("#thumbnails button").first.click()
    page.wait_for_function("document.querySelectorAll('#cards img').length > 4", timeout=30_000)
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
