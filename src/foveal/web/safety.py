"""Security of the page: allowed hosts and origins, response headers, and request size."""

from __future__ import annotations

from html.parser import HTMLParser

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foveal.web.errors import FORBIDDEN, TOO_LARGE, RequestError

HOST = "127.0.0.1"
_HOST_NAMES = (HOST, "localhost")
_HTTP_PORT = 80
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_ALLOWED_FETCH_SITES = frozenset({"", "none", "same-origin"})

_FRAME_POLICY = "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    f"connect-src 'self'; frame-src 'self'; {_FRAME_POLICY}"
)
_DEFAULT_REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
POLICY_HEADER = "content-security-policy"
_RESPONSE_HEADERS = {
    POLICY_HEADER: PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every response that does not set them itself."""


def guard_requests(app: ASGIApp, *, port: int) -> ASGIApp:
    """Wrap the application in a guard that rejects requests of other sites and adds headers.

    The guard is the outermost layer, so that error responses have the headers too.
    """

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _RESPONSE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = _find_cross_origin_reason(scope["method"], Headers(scope=scope), port=port)
        response = app if reason is None else JSONResponse({"message": reason}, FORBIDDEN)
        await response(scope, receive, send_with_headers)

    return guard


def _list_own_hosts(port: int) -> tuple[str, ...]:
    """Return the `Host` headers of a browser on this machine.

    >>> _list_own_hosts(8000)
    ('127.0.0.1:8000', 'localhost:8000')
    """
    with_port = tuple(f"{name}:{port}" for name in _HOST_NAMES)
    return (*with_port, *_HOST_NAMES) if port == _HTTP_PORT else with_port


def _find_cross_origin_reason(method: str, headers: Headers, *, port: int) -> str | None:
    """Return the reason to reject a request of another site, or None for the page itself.

    The host check stops DNS rebinding, in which another site resolves its name to this machine. Requests
    with side effects must come from the origin of the page, or from a program that sends no origin.
    """
    hosts = _list_own_hosts(port)
    host = headers.get("host", "")
    if host.lower() not in hosts:
        return f"Parameter `Host` should be {' or '.join(hosts)}. Found `Host = {host[:80]!r}`."
    if method in _SAFE_METHODS:
        return None
    origin = headers.get("origin")
    is_own_origin = origin is None or origin.lower() in {f"http://{name}" for name in hosts}
    if not is_own_origin or headers.get("sec-fetch-site", "") not in _ALLOWED_FETCH_SITES:
        return "Other sites cannot send images. Send them from the page of this server."
    return None


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Return the body of a request, and stop reading when it exceeds `max_bytes`.

    Raises:
        RequestError: the declared or the received body is too large.
    """
    too_large = RequestError(
        f"The file should have at most {_format_size(max_bytes)}. Make the image smaller, or choose another.",
        status=TOO_LARGE,
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    parts, total = [], 0
    async for part in request.stream():
        total += len(part)
        if total > max_bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _format_size(byte_count: int) -> str:
    """Return a number of bytes with its unit.

    >>> _format_size(10_000_000), _format_size(1000)
    ('10 MB', '1000 bytes')
    """
    return f"{byte_count / 1e6:g} MB" if byte_count >= 1e6 else f"{byte_count} bytes"


class _PolicyParser(HTMLParser):
    """Parser for the content security policy in a meta element of a page; None without one."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.policy: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Store the policy if this element declares it."""
        attributes = dict(attrs)
        if tag == "meta" and (attributes.get("http-equiv") or "").lower() == POLICY_HEADER:
            self.policy = attributes.get("content")


def build_report_policy(html: str) -> str:
    """Return the policy of a report: the one that it declares, and a sandbox.

    The report decides which scripts it runs. The sandbox gives it an opaque origin, so that its scripts
    cannot send requests to the server.
    """
    declared = _PolicyParser(html).policy or _DEFAULT_REPORT_POLICY
    rules = [
        rule.strip()
        for rule in f"{declared}; sandbox allow-scripts; {_FRAME_POLICY}".split(";")
        if rule.strip()
    ]
    # Browsers ignore a repeated directive, so the first one is kept.
    by_directive = {rule.split()[0]: rule for rule in reversed(rules)}
    return "; ".join(reversed(by_directive.values()))
