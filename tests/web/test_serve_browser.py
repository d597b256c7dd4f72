"""The page as its users meet it, in a browser: skipped where there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvicorn

from browser import launch_chromium
from foveal.web.app import page_app
from foveal.web.loaded_study import Served
from foveal.web.server import config_of, listening
from foveal.web.worker import Worker
from web.conftest import VARIANTS
from web.requests import encoded
from web.test_serve_uploads import JPEG, NOISE, png_that_claims

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
OF_A_STATUS = "Failed to load resource"  # the browser's own note of every 4xx


@pytest.fixture(scope="module")
def address(served: Served, worker: Worker) -> Iterator[str]:
    """A page whose first class is called as no class should be."""
    data = replace(served.data, classes=(MARKUP, *served.data.classes[1:]))
    taken = listening(0)
    port = taken.getsockname()[1]
    app = page_app(replace(served, data=data), worker, port=port)
    server = uvicorn.Server(config_of(app, port=port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
    thread.start()
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()
    taken.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as found:
        yield found


@dataclass
class Watched:
    """A page, and all that went wrong in it."""

    page: Page
    address: str
    troubles: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Open the page and note what the browser says of it, and what is asked of anybody else."""
        self.page.on("console", self.note_message)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", self.note_dialog)
        self.page.on("request", self.note_request)
        self.page.goto(self.address)
        self.wait_for_maps()

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and OF_A_STATUS not in message.text:
            self.troubles.append(message.text)

    def note_dialog(self, dialog: Dialog) -> None:
        self.troubles.append(dialog.message)
        dialog.dismiss()

    def note_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(request.url)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def wait_for_maps(self) -> None:
        expect(self.page.locator("#status")).to_contain_text("Window ")
        expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    page = browser.new_page()
    found = Watched(page, address)
    found.open()
    yield found
    page.close()
    assert found.troubles == []


def file(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def test_an_upload_shows_five_predictions_and_maps(watched: Watched) -> None:
    page = watched.page
    expect(page.locator("#named")).to_contain_text("Test image")
    page.set_input_files("#file", file("mine.png", encoded(NOISE)))
    expect(page.locator("#named")).to_have_text("mine.png")
    watched.wait_for_maps()
    assert page.locator(".card h3").all_inner_texts() == list(VARIANTS)
    for place in range(len(VARIANTS)):
        card = page.locator(".card").nth(place)
        shares = card.locator(".top li > span:nth-child(2)").all_inner_texts()
        values = [float(share.removesuffix(" %")) for share in shares]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        maps = card.locator("figure > .frame > img")
        alts = [maps.nth(k).get_attribute("alt") or "" for k in range(maps.count())]
        assert alts[0].startswith(f"Occlusion map of {VARIANTS[place]} for ")
        assert alts[1].startswith(f"Grad-CAM of {VARIANTS[place]} for ")
        widths = [maps.nth(k).evaluate("image => image.naturalWidth") for k in range(maps.count())]
        assert set(widths) == {32}
    assert page.locator(".card").nth(VARIANTS.index("series")).locator(".gates svg").count() > 0
    assert page.locator("#original").is_visible()
    assert page.locator("#original img").evaluate("image => image.naturalWidth") == NOISE.shape[1]
    assert page.locator("#seen img").evaluate("image => image.naturalWidth") == 32
    assert page.locator("#legends figure:visible").count() == 3
    assert page.locator("#progress").evaluate("bar => bar.value") == 1


def test_a_file_may_be_dropped(watched: Watched) -> None:
    watched.page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
            const drop = new DragEvent("drop", {dataTransfer: data, bubbles: true});
            document.querySelector("#drop").dispatchEvent(drop);
        }""",
        list(encoded(NOISE)),
    )
    expect(watched.page.locator("#named")).to_have_text("dropped.png")
    watched.wait_for_maps()


REFUSED = {
    "letter.txt": (b"This is a letter.", "should be a PNG, JPEG, WebP, BMP or GIF image"),
    "huge.png": (png_that_claims(10_000, 10_000), "at most 25 megapixels, and has 10000 x 10000"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "should be whole, and cannot be decoded"),
    "heavy.bmp": (bytes(30_000_000), "at most 10 MB, and has 30.0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_shown_and_what_was_there_stays(
    watched: Watched, tmp_path: Path, name: str
) -> None:
    content, message = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    before = watched.text("#cards")
    watched.page.set_input_files("#file", tmp_path / name)
    expect(watched.page.get_by_role("alert")).to_contain_text(message)
    assert watched.text("#cards") == before
    watched.page.set_input_files("#file", file("mine.png", encoded(NOISE)))
    expect(watched.page.locator("#error")).to_be_hidden()
    watched.wait_for_maps()


def test_tabs_by_keyboard(watched: Watched) -> None:
    page = watched.page
    page.focus("#tab-image")
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-report").evaluate("tab => tab === document.activeElement")
    assert page.locator("#tab-report").get_attribute("aria-selected") == "true"
    assert page.locator("#panel-image").is_hidden()
    heading = page.frame_locator("#report").locator("h1")
    heading.wait_for()
    assert "Does attention help" in heading.inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#panel-image").is_visible()
    assert page.locator("#panel-report").is_hidden()
    page.keyboard.press("End")
    assert page.locator("#panel-report").is_visible()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"


def test_a_class_named_as_markup_is_shown_as_it_is_called(watched: Watched) -> None:
    page = watched.page
    assert MARKUP in watched.text("#named")
    assert page.locator("#target option").first.inner_text() == MARKUP
    assert MARKUP in watched.text("#legend-occlusion figcaption")
    assert page.locator("script").count() == 1
    assert page.locator("img[src=x]").count() == 0


def test_class_window_and_fill_change_the_maps(watched: Watched) -> None:
    page = watched.page
    image = page.locator(".card figure img").first
    seen = {image.get_attribute("src")}
    for selector, value, said in (
        ("#target", "3", ""),
        ("#window", "16", "Window 16 x 16 px, every 8 x 8 px"),
        ("#fill", "noise", "hidden by noise"),
    ):
        page.select_option(selector, value)
        watched.wait_for_maps()
        assert said in watched.text("#status")
        seen.add(image.get_attribute("src"))
    assert len(seen) == 4
    assert page.locator(".top li.about").count() <= len(VARIANTS)


def test_an_example_is_chosen_from_the_gallery(watched: Watched, served: Served) -> None:
    page = watched.page
    page.select_option("#class", "4")
    row = int(np.flatnonzero(served.data.test.labels == 4)[1])
    page.locator(f"#thumbnails button[value='{row}']").click()
    expect(page.locator("#named")).to_contain_text(f"Test image {row},")
    watched.wait_for_maps()
    assert served.data.classes[4] in watched.text("#named")
    assert page.locator("#thumbnails [aria-current=true]").count() == 1
    assert page.locator("#target").input_value() == "4"
    assert page.locator("#original").is_hidden()


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_nothing_is_wider_than_the_window(watched: Watched, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_that_can_be_used_has_a_name(watched: Watched) -> None:
    """By the browser's own rules for a screen reader."""
    names = watched.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, iframe, img, progress, [role=img]")]
            .filter(element => element.closest("[hidden]") === null && element.closest("#legends") === null)
            .map(element => [element.outerHTML.slice(0, 60), element.getAttribute("aria-label")
                || element.alt || element.title || element.labels?.[0]?.textContent || element.textContent])"""
    )
    assert len(names) > 30
    assert [shown for shown, name in names if not name.strip()] == []
