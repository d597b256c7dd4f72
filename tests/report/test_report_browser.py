"""The report in a real browser: from disk, with and without its script."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import chromium
from foveal.report import Report, report
from report.test_occlusion_section import with_looks
from report.test_report import ACCURACIES, write_fake_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser") / "study"
    write_fake_study(folder, ACCURACIES, classes=("cat", HOSTILE, "frog"))
    with_looks(folder, ACCURACIES)
    return report(folder, only_page=True).page.as_uri()


class Opened:
    """A page that was opened, and what it did meanwhile."""

    def __init__(self, browser: "Browser", address: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)


@pytest.fixture
def opened(browser: "Browser", address: str) -> Iterator[Opened]:
    found = Opened(browser, address)
    yield found
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith("data:")] == [address]
    found.context.close()


def test_opens_from_disk_without_a_complaint_or_a_request(opened: Opened) -> None:
    assert opened.page.title() == "Does attention help convnet on scenes?"
    assert opened.page.locator("main figure").count() > 20


def test_a_variant_is_chosen(opened: Opened) -> None:
    page = opened.page
    matrices = page.locator("figure[data-variant]:visible")
    before = matrices.count()
    page.get_by_label("variant").first.select_option("channel")
    assert 0 < matrices.count() < before
    assert page.locator('figure[data-variant="none"]:visible').count() == 0
    page.get_by_label("variant").first.select_option("")
    assert matrices.count() == before


def test_a_class_is_chosen_whatever_its_name(opened: Opened) -> None:
    page = opened.page
    page.locator('select[data-choose="class"]').select_option(HOSTILE)
    assert page.locator("figure[data-class]:visible").count() == 1


def column(opened: Opened, place: int) -> list[str]:
    cells = opened.page.locator("table").first.locator(f"tbody tr > :nth-child({place})")
    return [text.splitlines()[0] for text in cells.all_inner_texts()]


def test_a_table_is_sorted_by_click_and_by_key(opened: Opened) -> None:
    heading = opened.page.locator("table").first.locator("thead th").nth(2)
    button = heading.get_by_role("button")
    original = column(opened, 3)
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(opened, 3) == sorted(original, reverse=True)
    button.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(opened, 3) == sorted(original)
    button.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert column(opened, 3) == original


def test_a_figure_is_enlarged_and_put_back(opened: Opened) -> None:
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


def test_cells_of_the_confusion_are_told(opened: Opened) -> None:
    page = opened.page
    explorer = page.locator(".explorer").first
    canvas = explorer.locator("canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    said = explorer.locator(".said")
    assert said.inner_text().startswith(f"true cat, predicted {HOSTILE}: ")
    assert said.inner_text().endswith(" %")
    explorer.get_by_label("shown").select_option("count")
    assert said.inner_text().rstrip("s").endswith(" image")
    explorer.get_by_label("variant").select_option("channel")
    explorer.get_by_label("shown").select_option("difference")
    assert said.inner_text().endswith(" points")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4)
    assert said.inner_text().startswith("true frog, predicted frog: ")


def test_a_count_is_that_of_the_records(opened: Opened) -> None:
    explorer = opened.page.locator(".explorer").first
    explorer.get_by_label("seed").select_option("0")
    explorer.get_by_label("shown").select_option("count")
    canvas = explorer.locator("canvas")
    canvas.focus()
    counts = []
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight"):
        opened.page.keyboard.press(key)
        counts.append(int(explorer.locator(".said").inner_text().split(": ")[1].split()[0]))
    assert sum(counts) == 8  # test images a class of `write_fake_run`


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_no_serious_violation(
    browser: "Browser", address: str, scheme: str, width: int
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    # axe is put into the page by the test, which the page's own policy forbids.
    found = Opened(
        browser,
        address,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,
    )
    for fold in found.page.locator("details").all():
        fold.evaluate("fold => fold.open = true")
    violations = axe.Axe().run(found.page).response["violations"]
    bad = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]
    assert bad == []
    found.context.close()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_width_makes_the_page_wider_than_the_screen(
    browser: "Browser", address: str, width: int
) -> None:
    found = Opened(browser, address, viewport={"width": width, "height": 900})
    wide = found.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    found.context.close()


def test_in_the_frame_of_a_notebook_links_and_buttons_work(
    browser: "Browser", address: str
) -> None:
    page = browser.new_page()
    shown = Report(Path(address.removeprefix("file://")))._repr_html_()
    page.set_content(f"<h1>notebook</h1>{shown}")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="Confusion").click()
    assert frame.get_by_role("heading", name="Confusion").is_visible()
    frame.locator("main figure").first.get_by_role("button").click()
    frame.get_by_role("button", name="Close").click()
    assert not frame.locator("dialog").is_visible()
    page.close()


def test_on_paper_all_folds_are_open(opened: Opened) -> None:
    closed = opened.page.locator("details:not([open])")
    assert closed.count() > 2
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert closed.count() == 0
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert closed.count() > 2


def test_all_is_there_without_the_script(browser: "Browser", address: str) -> None:
    found = Opened(browser, address, java_script_enabled=False)
    page = found.page
    assert page.locator("main figure:visible, details figure").count() > 20
    assert page.locator(".choose, .explorer, .enlarge").locator("visible=true").count() == 0
    assert "is better than none" in page.locator(".verdicts").inner_text()
    found.context.close()
