"""What keeps the page to this machine and to itself: hosts, origins, headers, the size of a request."""

from __future__ import annotations

from html.parser import HTMLParser

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foveal.web.errors import FORBIDDEN, TOO_LARGE, RefusedError

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
HTTP_PORT = 80
READING = frozenset({"GET", "HEAD"})
OWN_SITE = frozenset({"", "none", "same-origin"})

ALONE = "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    f"connect-src 'self'; frame-src 'self'; {ALONE}"
)
POLICY = "content-security-policy"
HEADERS = {
    POLICY: PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every answer carries; one may bring a policy of its own."""


def guarded(app: ASGIApp, *, port: int) -> ASGIApp:
    """Return the application behind the guard: it sees no request that is not from its own page.

    Wrapped around the whole of it, so that answers to errors and to unknown addresses carry the headers too.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = why_foreign(scope["method"], Headers(scope=scope), port=port)
        answer = app if reason is None else JSONResponse({"message": reason}, FORBIDDEN)
        await answer(scope, receive, send_with_headers)

    return guard


def own_hosts(port: int) -> tuple[str, ...]:
    """Return what a browser on this machine writes for the host of the page.

    >>> own_hosts(8000)
    ('127.0.0.1:8000', 'localhost:8000')
    """
    with_port = tuple(f"{name}:{port}" for name in NAMES)
    return (*with_port, *NAMES) if port == HTTP_PORT else with_port


def why_foreign(method: str, headers: Headers, *, port: int) -> str | None:
    """Return why a request is not from the page itself, None if it is.

    The host tells of a name that another site has made point here (DNS rebinding). What changes something is
    taken from the page's own origin, or from a program that is no browser and sends none.
    """
    hosts = own_hosts(port)
    host = headers.get("host", "")
    if host.lower() not in hosts:
        return f"Parameter `Host` should be {' or '.join(hosts)}. Found `Host = {host[:80]!r}`."
    if method in READING:
        return None
    origin = headers.get("origin")
    own = origin is None or origin.lower() in {f"http://{name}" for name in hosts}
    if not own or headers.get("sec-fetch-site", "") not in OWN_SITE:
        return "The page takes images from itself alone: send them from the page that this server shows."
    return None


async def body_of(request: Request, *, most: int) -> bytes:
    """Return the body of a request, and read no more of it than `most` bytes and what came with them.

    Raises:
        RefusedError: it is larger, by what it says of itself or by what came.
    """
    too_large = RefusedError(
        f"The file should have at most {in_words(most)}: make the image smaller, or choose another.",
        status=TOO_LARGE,
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise too_large
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > most:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def in_words(count: int) -> str:
    """Return a number of bytes as people say it.

    >>> in_words(10_000_000), in_words(1000)
    ('10 MB', '1000 bytes')
    """
    return f"{count / 1e6:g} MB" if count >= 1e6 else f"{count} bytes"


class Policy(HTMLParser):
    """Finds the policy that a page declares for itself in a meta element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given = dict(attrs)
        if tag == "meta" and (given.get("http-equiv") or "").lower() == POLICY:
            self.found = given.get("content")


def report_policy(html: str) -> str:
    """Return the policy for the report: its own, and no place of its own on this machine.

    What it may run is for the report to say. It is shown as if it were of no origin, so that
    nothing in it could speak to the server.
    """
    own = Policy(html).found or "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    stated = [part.strip() for part in f"{own}; sandbox allow-scripts; {ALONE}".split(";")]
    first = {part.split()[0]: part for part in reversed(stated) if part}  # a second one is ignored
    return "; ".join(reversed(first.values()))
