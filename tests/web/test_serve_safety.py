"""The page is for this machine and for itself: hosts, origins, headers, addresses, names of classes."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from starlette.types import Message, Scope
from torch import nn

from foveal.web.app import page_app
from foveal.web.loaded_study import Served
from foveal.web.safety import PAGE_POLICY, report_policy
from foveal.web.uploads import MOST_BYTES
from foveal.web.worker import Worker
from web.conftest import PORT, client_of
from web.requests import BYTES, example

MARKUP = "<script>alert(1)</script>"
ALIVE = ["/", "/page.js", "/page.css", "/report", "/api/about", "/api/examples"]
ABSENT = [
    "/nowhere", "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/api/images/none/maps",
    "/api/images/none/occlusion", "/page.html", "/networks.py",
]  # fmt: skip


def policy(text: str) -> dict[str, list[str]]:
    parts = [part.split() for part in text.split(";")]
    assert len({part[0] for part in parts}) == len(parts)
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("address", [*ALIVE, *ABSENT])
def test_every_answer_carries_the_headers(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == (404 if address in ABSENT else 200)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    own = policy(answer.headers["content-security-policy"])
    assert own["default-src"] == ["'none'"]
    assert own["frame-ancestors"] == ["'self'"]
    assert own["base-uri"] == own["form-action"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:"} & set(own.get("script-src", []))
    if address != "/report":
        assert answer.headers["content-security-policy"] == PAGE_POLICY
        assert own["script-src"] == own["style-src"] == own["connect-src"] == ["'self'"]
    if address in ABSENT:
        assert list(answer.json()) == ["message"]


@pytest.mark.parametrize(
    ("method", "address"), [("POST", "/"), ("DELETE", "/api/about"), ("PUT", "/api/images")]
)
def test_other_methods_are_refused(client: TestClient, method: str, address: str) -> None:
    answer = client.request(method, address)
    assert answer.status_code == 405
    assert "takes no such request" in answer.json()["message"]
    assert answer.headers["content-security-policy"] == PAGE_POLICY


def test_the_page_keeps_to_its_own_policy(client: TestClient) -> None:
    html, script = client.get("/").text, client.get("/page.js").text
    for forbidden in (
        " style=",
        " onclick=",
        " onload=",
        "javascript:",
        "<style",
        "http:",
        "https:",
        "//",
    ):
        assert forbidden not in html
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in script
    assert (
        html.count("<script") == html.count('<script src="/page.js" type="module"></script>') == 1
    )


def test_the_report_keeps_its_own_policy_and_no_place_here(client: TestClient) -> None:
    answer = client.get("/report")
    own = policy(answer.headers["content-security-policy"])
    declared = 'http-equiv="Content-Security-Policy" content="'
    stated = policy(answer.text.partition(declared)[2].partition('"')[0])
    assert stated
    assert {name: own[name] for name in stated} == stated
    assert own["sandbox"] == ["allow-scripts"]
    assert 'sandbox="allow-scripts"' in client.get("/").text


def test_a_report_with_a_script_of_its_own_names_it_by_its_hash() -> None:
    html = """<meta charset="utf-8"><META HTTP-EQUIV="content-security-policy"
    content="default-src 'none'; script-src 'sha256-abc=';\n img-src data:;"><script>1</script>"""
    own = policy(report_policy(html))
    assert own["script-src"] == ["'sha256-abc='"]
    assert own["sandbox"] == ["allow-scripts"]
    assert policy(report_policy("<p>none</p>"))["default-src"] == ["'none'"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"localhost:{PORT}", 200),
        (f"LocalHost:{PORT}", 200),
        ("127.0.0.1", 403),
        ("127.0.0.1:1", 403),
        (f"foveal.example:{PORT}", 403),
        (f"127.0.0.1:{PORT}.foveal.example", 403),
        (f"0.0.0.0:{PORT}", 403),
        ("", 403),
    ],
)
def test_other_hosts_are_refused(client: TestClient, host: str, status: int) -> None:
    answer = client.get("/api/about", headers={"Host": host})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["message"].startswith(
            f"Parameter `Host` should be 127.0.0.1:{PORT} or"
        )
        assert answer.headers["content-security-policy"] == PAGE_POLICY


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": f"http://127.0.0.1:{PORT}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": f"http://localhost:{PORT}"}, 200),
        ({"Origin": "https://foveal.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": f"https://127.0.0.1:{PORT}"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_images_are_taken_from_the_page_alone(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/api/images", json={"example": 0}, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert "from the page that this server shows" in answer.json()["message"]


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """What is opened meanwhile; an audit hook cannot be taken off, so it is told to stop."""
    paths: list[str] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(watch)
    yield paths
    watching = False


@pytest.mark.parametrize(
    "address",
    [
        "/../SECRET",
        "/..%2fSECRET",
        "/%2e%2e/%2e%2e/SECRET",
        "/page.css/../../SECRET",
        "/report/../SECRET",
        "/report%2f..%2fSECRET",
        "/api/examples/..%2f..%2fSECRET.png",
        "/api/examples/../../SECRET",
        "/api/examples?class=../SECRET",
        "/api/examples?class=0&page=../SECRET",
        "/api/images/..%2f..%2fSECRET/maps",
        "/api/images/../../SECRET/occlusion",
        "/api/images/%2fetc%2fpasswd/maps",
        "/api/images/SECRET%00/maps",
        "/%2fSECRET",
        "/./SECRET",
    ],
)
def test_no_address_reaches_a_file(
    client: TestClient, study: Path, opened: list[str], address: str
) -> None:
    secret = study / "secret.txt"
    secret.write_text("not for the page")
    opened.clear()
    for name in ("secret.txt", str(secret), f"study/{secret.name}"):
        answer = client.get(address.replace("SECRET", name))
        assert 400 <= answer.status_code < 500
        assert "not for the page" not in answer.text
    assert not [path for path in opened if "secret" in path or "passwd" in path]
    secret.unlink()


def test_the_watch_of_files_would_see_one(opened: list[str], tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("seen")
    assert str(tmp_path / "secret.txt") in opened


def test_a_path_for_an_example_is_refused(client: TestClient, opened: list[str]) -> None:
    opened.clear()
    answer = client.post("/api/images", json={"example": "/etc/passwd"})
    assert answer.status_code == 400
    assert "whole number" in answer.json()["message"]
    assert not [path for path in opened if "passwd" in path]


def test_a_class_named_as_markup_is_text_in_json_alone(served: Served, worker: Worker) -> None:
    classes = (MARKUP, *served.data.classes[1:])
    client = client_of(replace(served, data=replace(served.data, classes=classes)), worker)
    about = client.get("/api/about")
    assert about.headers["content-type"] == "application/json"
    assert about.json()["classes"][0] == MARKUP
    row = int(np.flatnonzero(served.data.test.labels == 0)[0])
    token = example(client, row)["token"]
    for address in ("/", "/page.js", "/api/examples", f"/api/images/{token}/maps"):
        assert MARKUP not in client.get(address).text


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("a secret of the machine")


def test_what_fails_inside_is_told_in_the_terminal_alone(served: Served, worker: Worker) -> None:
    variant = replace(served.variants[0], model=Failing())
    client = client_of(replace(served, variants=(variant,)), worker, raising=False)
    answer = client.post("/api/images", json={"example": 0})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "the terminal" in answer.json()["message"]
    assert answer.headers["content-security-policy"] == PAGE_POLICY


def test_a_body_of_any_length_is_read_to_the_limit_and_no_further(
    served: Served, worker: Worker
) -> None:
    part, asked, sent = bytes(1_000_000), 0, []

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": part, "more_body": asked < 30}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"Host": f"127.0.0.1:{PORT}", **BYTES}
    scope: Scope = {
        "type": "http", "method": "POST", "path": "/api/images", "raw_path": b"/api/images",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip

    async def ask() -> None:
        await page_app(served, worker, port=PORT)(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 413
    assert asked == MOST_BYTES // len(part) + 1
