"""The page in a browser: uploads, refusals, tabs, choices, and class names with markup."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uvicorn

from browser import expect, launch_chromium
from foveal.web.app import create_app
from foveal.web.loaded_study import LoadedStudy
from foveal.web.server import build_server_config, open_socket
from foveal.web.worker import Worker
from web.api_client import VARIANTS, encode_image
from web.test_uploads import JPEG, NOISE, make_png_with_size

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"
STATUS_MESSAGE = "Failed to load resource"  # the console message of every 4xx response


@pytest.fixture(scope="module")
def address(study: LoadedStudy, worker: Worker) -> Iterator[str]:
    """Serve the study with markup as the name of its first class, and yield the address."""
    data = replace(study.data, classes=(MARKUP, *study.data.classes[1:]))
    listener = open_socket(0)
    port = listener.getsockname()[1]
    app = create_app(replace(study, data=data), worker, port=port)
    server = uvicorn.Server(build_server_config(app, port=port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as chromium:
        yield chromium


@dataclass
class WatchedPage:
    """An open page with its console messages, errors and foreign requests."""

    page: Page
    address: str
    problems: list[str] = field(default_factory=list)

    def open(self) -> None:
        """Open the page and record problems until the maps are shown."""
        self.page.on("console", self.record_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", self.record_dialog)
        self.page.on("request", self.record_request)
        self.page.goto(self.address)
        self.wait_for_maps()

    def record_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and STATUS_MESSAGE not in message.text:
            self.problems.append(message.text)

    def record_dialog(self, dialog: Dialog) -> None:
        self.problems.append(dialog.message)
        dialog.dismiss()

    def record_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.problems.append(request.url)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def wait_for_maps(self) -> None:
        expect(self.page.locator("#status")).to_contain_text("Window ")
        expect(self.page.locator("#cards")).to_have_attribute("aria-busy", "false")


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[WatchedPage]:
    page = browser.new_page()
    watched = WatchedPage(page, address)
    watched.open()
    yield watched
    page.close()
    assert watched.problems == []


def make_file(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def test_upload_shows_five_predictions_and_maps(watched: WatchedPage) -> None:
    page = watched.page
    expect(page.locator("#image-name")).to_contain_text("Test image")
    page.set_input_files("#file", make_file("mine.png", encode_image(NOISE)))
    expect(page.locator("#image-name")).to_have_text("mine.png")
    watched.wait_for_maps()
    assert page.locator(".card h3").all_inner_texts() == list(VARIANTS)
    for index in range(len(VARIANTS)):
        card = page.locator(".card").nth(index)
        shares = card.locator(".top li > span:nth-child(2)").all_inner_texts()
        values = [float(share.removesuffix(" %")) for share in shares]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        maps = card.locator("figure > .frame > img")
        alts = [maps.nth(k).get_attribute("alt") or "" for k in range(maps.count())]
        assert alts[0].startswith(f"Occlusion map of {VARIANTS[index]} for ")
        assert alts[1].startswith(f"Grad-CAM of {VARIANTS[index]} for ")
        widths = [maps.nth(k).evaluate("image => image.naturalWidth") for k in range(maps.count())]
        assert set(widths) == {32}
    assert page.locator(".card").nth(VARIANTS.index("cbam")).locator(".gates svg").count() > 0
    assert page.locator("#original").is_visible()
    assert page.locator("#original img").evaluate("image => image.naturalWidth") == NOISE.shape[1]
    assert page.locator("#network-input img").evaluate("image => image.naturalWidth") == 32
    assert page.locator("#legends figure:visible").count() == 3
    assert page.locator("#progress").evaluate("bar => bar.value") == 1


def test_file_can_be_dropped(watched: WatchedPage) -> None:
    watched.page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
            const drop = new DragEvent("drop", {dataTransfer: data, bubbles: true});
            document.querySelector("#drop-area").dispatchEvent(drop);
        }""",
        list(encode_image(NOISE)),
    )
    expect(watched.page.locator("#image-name")).to_have_text("dropped.png")
    watched.wait_for_maps()


REJECTED = {
    "letter.txt": (b"This is a letter.", "should be a PNG, JPEG, WebP, BMP or GIF image"),
    "huge.png": (make_png_with_size(10_000, 10_000), "at most 25 megapixels. Found 10000 x 10000"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "cannot be decoded"),
    "heavy.bmp": (bytes(30_000_000), "at most 10 MB. Found 30.0"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_error_is_shown_and_the_previous_maps_stay(
    watched: WatchedPage, tmp_path: Path, name: str
) -> None:
    content, message = REJECTED[name]
    (tmp_path / name).write_bytes(content)
    before = watched.text("#cards")
    watched.page.set_input_files("#file", tmp_path / name)
    expect(watched.page.get_by_role("alert")).to_contain_text(message)
    assert watched.text("#cards") == before
    watched.page.set_input_files("#file", make_file("mine.png", encode_image(NOISE)))
    expect(watched.page.locator("#error")).to_be_hidden()
    watched.wait_for_maps()


def test_tabs_are_selected_by_keyboard(watched: WatchedPage) -> None:
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


def test_class_name_with_markup_is_shown_as_text(watched: WatchedPage) -> None:
    page = watched.page
    assert MARKUP in watched.text("#image-name")
    assert page.locator("#target option").first.inner_text() == MARKUP
    assert MARKUP in watched.text("#legend-occlusion figcaption")
    assert page.locator("script").count() == 1
    assert page.locator("img[src=x]").count() == 0


def test_target_window_and_fill_change_the_maps(watched: WatchedPage) -> None:
    page = watched.page
    image = page.locator(".card figure img").first
    sources = {image.get_attribute("src")}
    for selector, value, status in (
        ("#target", "3", ""),
        ("#window", "16", "Window 16 x 16 px, stride 8 x 8 px"),
        ("#fill", "noise", "fill noise"),
    ):
        page.select_option(selector, value)
        watched.wait_for_maps()
        assert status in watched.text("#status")
        sources.add(image.get_attribute("src"))
    assert len(sources) == 4
    assert page.locator(".top li.target").count() <= len(VARIANTS)


def test_example_is_chosen_from_the_gallery(watched: WatchedPage, study: LoadedStudy) -> None:
    page = watched.page
    page.select_option("#class", "4")
    index = int(np.flatnonzero(study.data.test.labels == 4)[1])
    page.locator(f"#thumbnails button[value='{index}']").click()
    expect(page.locator("#image-name")).to_contain_text(f"Test image {index},")
    watched.wait_for_maps()
    assert study.data.classes[4] in watched.text("#image-name")
    assert page.locator("#thumbnails [aria-current=true]").count() == 1
    assert page.locator("#target").input_value() == "4"
    assert page.locator("#original").is_hidden()


@pytest.mark.parametrize("width", [360, 800, 1280])
def test_page_fits_the_window(watched: WatchedPage, width: int) -> None:
    watched.page.set_viewport_size({"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width


def test_controls_and_images_have_accessible_names(watched: WatchedPage) -> None:
    names = watched.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, iframe, img, progress, [role=img]")]
            .filter(element => element.closest("[hidden]") === null && element.closest("#legends") === null)
            .map(element => [element.outerHTML.slice(0, 60), element.getAttribute("aria-label")
                || element.alt || element.title || element.labels?.[0]?.textContent || element.textContent])"""
    )
    assert len(names) > 30
    assert [shown for shown, name in names if not name.strip()] == []
