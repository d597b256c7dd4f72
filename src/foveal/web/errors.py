"""Errors of the page's server: rejected requests, parameter checks, and error responses as JSON."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from foveal.errors import FovealError, UsageError, bad_parameter

_BAD_REQUEST, FORBIDDEN, NOT_FOUND, _METHOD_NOT_ALLOWED, TOO_LARGE = 400, 403, 404, 405, 413
_INTERNAL_ERROR = 500
_STATUS_MESSAGES = {
    NOT_FOUND: "There is nothing at this address. The page is at /.",
    _METHOD_NOT_ALLOWED: "This address does not accept this request. The page is at /.",
}
_MAX_INDEX_DIGITS = 9
_MAX_SHOWN_CHARACTERS = 40


class RequestError(UsageError):
    """A rejected request; `status` is the HTTP status of the response."""

    def __init__(self, message: str, *, status: int = _BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def parse_index(name: str, text: str, choices: range) -> int:
    """Return a whole number from a request.

    Raises:
        UsageError: `text` is not a whole number in `choices`.

    >>> parse_index("page", "2", range(5))
    2
    >>> parse_index("page", "../2", range(5))
    Traceback (most recent call last):
    foveal.errors.UsageError: Parameter `page` should be a whole number from 0 to 4. Found `page = '../2'`.
    """
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_INDEX_DIGITS
    if not is_number or int(text) not in choices:
        should_be = f"a whole number from {choices.start} to {choices.stop - 1}"
        raise bad_parameter(name, should_be, _truncate(text))
    return int(text)


def parse_choice(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return a word from a request.

    Raises:
        UsageError: `text` is not one of `choices`.
    """
    if text not in choices:
        raise bad_parameter(name, f"one of {', '.join(choices)}", _truncate(text))
    return text


def _truncate(text: str) -> str:
    """Return the beginning of a text from a request."""
    is_short = len(text) <= _MAX_SHOWN_CHARACTERS
    return text if is_short else f"{text[:_MAX_SHOWN_CHARACTERS]}..."


def make_error_content(error: Exception) -> dict[str, str]:
    """Return the message of an error as the JSON of a response."""
    return {"message": " ".join(str(error).split())}


async def handle_foveal_error(_: Request, error: Exception) -> JSONResponse:
    """Respond to an error of this package: a wrong request, or a network that failed."""
    default = _BAD_REQUEST if isinstance(error, UsageError) else _INTERNAL_ERROR
    return JSONResponse(make_error_content(error), getattr(error, "status", default))


async def handle_http_error(_: Request, error: Exception) -> JSONResponse:
    """Respond to an unknown address or method."""
    status = getattr(error, "status_code", NOT_FOUND)
    message = _STATUS_MESSAGES.get(status, _STATUS_MESSAGES[NOT_FOUND])
    return JSONResponse({"message": message}, status)


async def handle_internal_error(_: Request, __: Exception) -> JSONResponse:
    """Respond to an unexpected error without its details, which are logged in the terminal."""
    message = "Internal error. See the terminal that runs `foveal serve`."
    return JSONResponse({"message": message}, _INTERNAL_ERROR)


ERROR_HANDLERS = {
    FovealError: handle_foveal_error,
    HTTPException: handle_http_error,
    Exception: handle_internal_error,
}
