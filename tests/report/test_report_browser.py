"""The report in a browser: opened from disk, with and without its script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import launch_chromium
from foveal.report import Report, write_report
from report.fake_records import write_full_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MARKUP = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report of ten classes and five variants, one name with markup."""
    assert browser.is_connected()
    folder = write_full_study(tmp_path_factory.mktemp("browser") / "study", first_class=MARKUP)
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


def open_all_folds(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")


def test_question_answer_and_plot_are_on_the_first_screen(opened: OpenedPage) -> None:
    page = opened.page
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.title().startswith("Does attention help ConvNet on scenes? Mixed: channel helps")
    for locator in (page.locator("h1"), page.locator(".answer"), page.locator("table.main")):
        box = locator.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    badges = page.locator("table.main .badge").all_inner_texts()
    assert [" ".join(badge.split()) for badge in badges] == [
        "· baseline",
        "↑ better",
        "= equivalent",
        "↓ worse",
        "? undecided",
    ]
    assert page.evaluate("document.documentElement.scrollHeight") < 6000


def read_column(opened: OpenedPage, index: int) -> list[str]:
    cells = opened.page.locator("table.main").locator(f"tbody tr > :nth-child({index})")
    return [text.splitlines()[0] for text in cells.all_inner_texts()]


def test_table_is_sorted_by_numbers_by_click_and_by_key(opened: OpenedPage) -> None:
    heading = opened.page.locator("table.main thead th").nth(3)
    button = heading.get_by_role("button")
    original = read_column(opened, 4)
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert read_column(opened, 4) == ["+5.00", "+1.2", "+0.02", "–", "−6.00"]
    button.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert read_column(opened, 4) == ["−6.00", "–", "+0.02", "+1.2", "+5.00"]
    button.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert read_column(opened, 4) == original


def test_headings_end_where_their_numbers_end(opened: OpenedPage) -> None:
    open_all_folds(opened.page)
    gaps = opened.page.evaluate(
        """[...document.querySelectorAll("table.sortable")].flatMap((table) =>
          [...table.querySelectorAll("thead th button")].map((button) => {
            const heading = button.parentElement;
            if (getComputedStyle(heading).textAlign !== "right") return 0;
            const cell = table.tBodies[0].rows[0].cells[heading.cellIndex];
            const end = cell.getBoundingClientRect().right - parseFloat(getComputedStyle(cell).paddingRight);
            return Math.abs(button.getBoundingClientRect().right - end);
          }))"""
    )
    assert len(gaps) > 50
    assert max(gaps) < 1


def test_folded_tables_sort_numbers_with_true_minus(opened: OpenedPage) -> None:
    page = opened.page
    open_all_folds(page)
    table = page.locator("table.sortable", has_text="Cost of the variants").first
    table.locator("thead th").nth(1).get_by_role("button").click()
    numbers = [
        float(text.splitlines()[0].replace(",", ""))
        for text in table.locator("tbody td:nth-child(2)").all_inner_texts()
    ]
    assert numbers == sorted(numbers, reverse=True)


def test_legend_dims_the_other_variants(opened: OpenedPage) -> None:
    page = opened.page
    button = page.get_by_role("button", name="bam", exact=True)
    mark = (
        page.locator("table.main svg.row, table.main .plot svg")
        .nth(1)
        .locator("[data-v='1']")
        .first
    )
    opacity = "mark => getComputedStyle(mark).opacity"
    assert mark.evaluate(opacity) == "1"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert float(mark.evaluate(opacity)) < 0.2
    button.press("Enter")
    assert mark.evaluate(opacity) == "1"


def test_folds_open_together(opened: OpenedPage) -> None:
    page = opened.page
    closed = page.locator("main details:not([open])")
    assert closed.count() > 5
    page.get_by_role("button", name="Open all folds").click()
    assert closed.count() == 0
    page.get_by_role("button", name="Close all folds").click()
    assert page.locator("main details[open]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    # The test adds axe to the page, which the policy of the page forbids.
    viewport = {"width": 1280, "height": 900}
    opened = OpenedPage(browser, address, color_scheme=scheme, viewport=viewport, bypass_csp=True)
    open_all_folds(opened.page)
    violations = axe.Axe().run(opened.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in violations] == []
    opened.context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_page_fits_the_screen(browser: Browser, address: str, width: int) -> None:
    opened = OpenedPage(browser, address, viewport={"width": width, "height": 900})
    measure = "document.documentElement.scrollWidth"
    assert opened.page.evaluate(measure) == width
    open_all_folds(opened.page)
    assert opened.page.evaluate(measure) == width
    opened.context.close()


def test_links_and_buttons_work_in_the_frame_of_a_notebook(browser: Browser, address: str) -> None:
    page = browser.new_page()
    html = Report(Path(address.removeprefix("file://")))._repr_html_()
    page.set_content(f"<h1>notebook</h1>{html}")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Confusion").click()
    assert frame.get_by_role("heading", name="Confusion").is_visible()
    frame.get_by_role("button", name="Open all folds").click()
    assert frame.locator("main details:not([open])").count() == 0
    page.close()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_prints_on_six_pages(browser: Browser, address: str, paper: str) -> None:
    opened = OpenedPage(browser, address)
    pdf = opened.page.pdf(format=paper, print_background=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) <= 6
    opened.page.emulate_media(media="print")
    assert opened.page.get_by_text("Versions and machine").is_visible()
    assert opened.page.locator(".answer").is_visible()
    assert opened.page.locator("table.main").is_visible()
    for heading in opened.page.locator("h2, h3").all():
        assert heading.evaluate("heading => getComputedStyle(heading).breakAfter") == "avoid"
    opened.context.close()


def test_text_is_the_same_without_the_script(browser: Browser, address: str) -> None:
    texts = []
    for enabled in (True, False):
        opened = OpenedPage(browser, address, java_script_enabled=enabled)
        texts.append(opened.page.locator("main").inner_text())
        assert opened.page.locator("#all").is_visible() == enabled
        opened.context.close()
    assert texts[0] == texts[1]
    assert "Mixed: channel (+5.00 points" in " ".join(texts[1].split())
