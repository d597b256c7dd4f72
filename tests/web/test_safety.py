"""The server rejects other hosts and origins, sets security headers, and serves no other files."""

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

from foveal.web.app import create_app
from foveal.web.loaded_study import LoadedStudy
from foveal.web.safety import PAGE_POLICY, build_report_policy
from foveal.web.uploads import MAX_UPLOAD_BYTES
from foveal.web.worker import Worker
from web.api_client import BINARY_HEADERS, PORT, make_client, post_example

MARKUP = "<script>alert(1)</script>"
ADDRESSES = ["/", "/page.js", "/page.css", "/api/about", "/api/examples"]
UNKNOWN_ADDRESSES = [
    "/nowhere", "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/api/images/none/maps",
    "/api/images/none/occlusion", "/page.html", "/loaded_study.py",
]  # fmt: skip


def parse_policy(text: str) -> dict[str, list[str]]:
    parts = [part.split() for part in text.split(";")]
    assert len({part[0] for part in parts}) == len(parts)
    return {name: values for name, *values in parts}


def check_security_headers(response: Any) -> dict[str, list[str]]:
    """Check the headers that every response has, and return its policy."""
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in response.headers
    policy = parse_policy(response.headers["content-security-policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert policy["base-uri"] == policy["form-action"] == ["'none'"]
    scripts = set(policy.get("script-src", []))
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:"} & scripts
    return policy


@pytest.mark.parametrize("address", [*ADDRESSES, *UNKNOWN_ADDRESSES])
def test_responses_have_the_security_headers(client: TestClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == (404 if address in UNKNOWN_ADDRESSES else 200)
    policy = check_security_headers(response)
    assert response.headers["content-security-policy"] == PAGE_POLICY
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    if address in UNKNOWN_ADDRESSES:
        assert list(response.json()) == ["message"]


@pytest.mark.parametrize(
    ("method", "address"), [("POST", "/"), ("DELETE", "/api/about"), ("PUT", "/api/images")]
)
def test_rejects_other_methods(client: TestClient, method: str, address: str) -> None:
    response = client.request(method, address)
    assert response.status_code == 405
    assert "does not accept this request" in response.json()["message"]
    assert response.headers["content-security-policy"] == PAGE_POLICY


def test_page_follows_its_policy(client: TestClient) -> None:
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


def test_report_has_its_own_policy_in_a_sandbox(report_response: Any, client: TestClient) -> None:
    assert report_response.status_code == 200
    policy = check_security_headers(report_response)
    start = 'http-equiv="Content-Security-Policy" content="'
    declared = parse_policy(report_response.text.partition(start)[2].partition('"')[0])
    assert declared
    assert {name: policy[name] for name in declared} == declared
    assert policy["sandbox"] == ["allow-scripts"]
    assert 'sandbox="allow-scripts"' in client.get("/").text


def test_report_policy_allows_scripts_by_their_hash() -> None:
    html = """<meta charset="utf-8"><META HTTP-EQUIV="content-security-policy"
    content="default-src 'none'; script-src 'sha256-abc=';\n img-src data:;"><script>1</script>"""
    policy = parse_policy(build_report_policy(html))
    assert policy["script-src"] == ["'sha256-abc='"]
    assert policy["sandbox"] == ["allow-scripts"]
    assert parse_policy(build_report_policy("<p>none</p>"))["default-src"] == ["'none'"]


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
def test_rejects_other_hosts(client: TestClient, host: str, status: int) -> None:
    response = client.get("/api/about", headers={"Host": host})
    assert response.status_code == status
    if status == 403:
        assert response.json()["message"].startswith(
            f"Parameter `Host` should be 127.0.0.1:{PORT} or"
        )
        assert response.headers["content-security-policy"] == PAGE_POLICY


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
def test_rejects_images_of_other_sites(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    response = client.post("/api/images", json={"example": 0}, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert "from the page of this server" in response.json()["message"]


@pytest.fixture
def opened_paths() -> Iterator[list[str]]:
    """Return the paths opened during the test. An audit hook cannot be removed, so a flag disables it."""
    paths: list[str] = []
    is_active = True

    def record_path(event: str, arguments: tuple[Any, ...]) -> None:
        if is_active and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(record_path)
    yield paths
    is_active = False


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
def test_no_address_opens_a_file(
    client: TestClient, folder: Path, opened_paths: list[str], address: str
) -> None:
    secret = folder / "secret.txt"
    secret.write_text("not for the page")
    opened_paths.clear()
    for name in ("secret.txt", str(secret), f"study/{secret.name}"):
        response = client.get(address.replace("SECRET", name))
        assert 400 <= response.status_code < 500
        assert "not for the page" not in response.text
    assert not [path for path in opened_paths if "secret" in path or "passwd" in path]
    secret.unlink()


def test_audit_hook_records_opened_files(opened_paths: list[str], tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("seen")
    assert str(tmp_path / "secret.txt") in opened_paths


def test_rejects_a_path_as_example(client: TestClient, opened_paths: list[str]) -> None:
    opened_paths.clear()
    response = client.post("/api/images", json={"example": "/etc/passwd"})
    assert response.status_code == 400
    assert "whole number" in response.json()["message"]
    assert not [path for path in opened_paths if "passwd" in path]


def test_class_name_with_markup_is_only_in_json(study: LoadedStudy, worker: Worker) -> None:
    classes = (MARKUP, *study.data.classes[1:])
    client = make_client(replace(study, data=replace(study.data, classes=classes)), worker)
    about = client.get("/api/about")
    assert about.headers["content-type"] == "application/json"
    assert about.json()["classes"][0] == MARKUP
    index = int(np.flatnonzero(study.data.test.labels == 0)[0])
    token = post_example(client, index)["token"]
    for address in ("/", "/page.js", "/api/examples", f"/api/images/{token}/maps"):
        assert MARKUP not in client.get(address).text


class FailingModel(nn.Module):
    """A network that raises an error with private details."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("a secret of the machine")


def test_internal_errors_have_no_details(study: LoadedStudy, worker: Worker) -> None:
    variant = replace(study.variants[0], model=FailingModel())
    client = make_client(replace(study, variants=(variant,)), worker, raise_server_exceptions=False)
    response = client.post("/api/images", json={"example": 0})
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "the terminal" in response.json()["message"]
    assert response.headers["content-security-policy"] == PAGE_POLICY


def test_body_is_read_up_to_the_limit(study: LoadedStudy, worker: Worker) -> None:
    part, received, sent = bytes(1_000_000), 0, []

    async def receive() -> Message:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": part, "more_body": received < 30}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"Host": f"127.0.0.1:{PORT}", **BINARY_HEADERS}
    scope: Scope = {
        "type": "http", "method": "POST", "path": "/api/images", "raw_path": b"/api/images",
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip

    async def send_request() -> None:
        await create_app(study, worker, port=PORT)(scope, receive, send)

    asyncio.run(send_request())
    assert sent[0]["status"] == 413
    assert received == MAX_UPLOAD_BYTES // len(part) + 1
