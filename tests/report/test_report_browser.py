"""The report in a browser: opened from disk, with and without its script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import launch_chromium
from foveal.report import Report, write_report
from report.fake_records import ACCURACIES, store_maps, write_fake_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report, written only where there is a browser to open it."""
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("browser") / "study"
    write_fake_study(folder, ACCURACIES, classes=("cat", MARKUP, "frog"))
    store_maps(folder, ACCURACIES)
    return write_report(folder, only_page=True).page.as_uri()


class OpenedPage:
    """An open page with its console messages, errors and requests."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page: Page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[OpenedPage]:
    opened = OpenedPage(browser, address)
    yield opened
    assert opened.messages == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [address]
    opened.context.close()


def test_opens_from_disk(opened: OpenedPage) -> None:
    assert opened.page.title() == "Does attention help convnet on scenes?"
    assert opened.page.locator("main figure").count() > 20


def test_figures_are_filtered_by_variant(opened: OpenedPage) -> None:
    page = opened.page
    figures = page.locator("figure[data-variant]:visible")
    before = figures.count()
    page.get_by_label("variant").first.select_option("channel")
    assert 0 < figures.count() < before
    assert page.locator('figure[data-variant="none"]:visible').count() == 0
    page.get_by_label("variant").first.select_option("")
    assert figures.count() == before


def test_figures_are_filtered_by_a_class_with_markup(opened: OpenedPage) -> None:
    page = opened.page
    page.locator('select[data-filter="class"]').select_option(MARKUP)
    assert page.locator("figure[data-class]:visible").count() == 1


def read_column(opened: OpenedPage, index: int) -> list[str]:
    cells = opened.page.locator("table").first.locator(f"tbody tr > :nth-child({index})")
    return [text.splitlines()[0] for text in cells.all_inner_texts()]


def test_table_is_sorted_by_click_and_by_key(opened: OpenedPage) -> None:
    heading = opened.page.locator("table").first.locator("thead th").nth(2)
    button = heading.get_by_role("button")
    original = read_column(opened, 3)
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert read_column(opened, 3) == sorted(original, reverse=True)
    button.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert read_column(opened, 3) == sorted(original)
    button.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert read_column(opened, 3) == original


def test_figure_is_enlarged_and_restored(opened: OpenedPage) -> None:
    page = opened.page
    figure = page.locator("main figure").first
    small = figure.locator("svg").bounding_box()
    figure.get_by_role("button").click()
    dialog = page.locator("dialog")
    large = dialog.locator("svg").bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > small["width"]
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    figure.get_by_role("button").click()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert figure.locator("svg").count() == 1
    assert figure.get_by_role("button").evaluate("button => button === document.activeElement")


def test_confusion_explorer_reads_out_cells(opened: OpenedPage) -> None:
    page = opened.page
    explorer = page.locator(".explorer").first
    canvas = explorer.locator("canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    readout = explorer.locator(".readout")
    assert readout.inner_text().startswith(f"true cat, predicted {MARKUP}: ")
    assert readout.inner_text().endswith(" %")
    explorer.get_by_label("quantity").select_option("count")
    assert readout.inner_text().rstrip("s").endswith(" image")
    explorer.get_by_label("variant").select_option("channel")
    explorer.get_by_label("quantity").select_option("difference")
    assert readout.inner_text().endswith(" points")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)
    assert readout.inner_text().startswith("true frog, predicted frog: ")


def test_confusion_explorer_counts_the_test_images(opened: OpenedPage) -> None:
    explorer = opened.page.locator(".explorer").first
    explorer.get_by_label("seed").select_option("0")
    explorer.get_by_label("quantity").select_option("count")
    canvas = explorer.locator("canvas")
    canvas.focus()
    counts = []
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight"):
        opened.page.keyboard.press(key)
        counts.append(int(explorer.locator(".readout").inner_text().split(": ")[1].split()[0]))
    assert sum(counts) == 400  # test images per class of `write_fake_run`


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_serious_violation(
    browser: Browser, address: str, scheme: str, width: int
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    # The test adds axe to the page, which the policy of the page forbids.
    opened = OpenedPage(
        browser,
        address,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
    )
    for details in opened.page.locator("details").all():
        details.evaluate("details => details.open = true")
    violations = axe.Axe().run(opened.page).response["violations"]
    serious = [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    opened.context.close()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_fits_the_screen(browser: Browser, address: str, width: int) -> None:
    opened = OpenedPage(browser, address, viewport={"width": width, "height": 900})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.context.close()


def test_links_and_buttons_work_in_the_frame_of_a_notebook(browser: Browser, address: str) -> None:
    page = browser.new_page()
    html = Report(Path(address.removeprefix("file://")))._repr_html_()
    page.set_content(f"<h1>notebook</h1>{html}")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Confusion").click()
    assert frame.get_by_role("heading", name="Confusion").is_visible()
    frame.locator("main figure").first.get_by_role("button").click()
    frame.get_by_role("button", name="Close").click()
    assert not frame.locator("dialog").is_visible()
    page.close()


def test_collapsed_parts_are_open_in_print(opened: OpenedPage) -> None:
    closed = opened.page.locator("details:not([open])")
    assert closed.count() > 2
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert closed.count() == 0
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert closed.count() > 2


def test_page_is_complete_without_its_script(browser: Browser, address: str) -> None:
    opened = OpenedPage(browser, address, java_script_enabled=False)
    page = opened.page
    assert page.locator("main figure:visible, details figure").count() > 20
    assert page.locator(".filters, .explorer, .enlarge").locator("visible=true").count() == 0
    assert "is better than none" in page.locator(".verdicts").inner_text()
    opened.context.close()
