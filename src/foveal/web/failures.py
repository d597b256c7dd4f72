"""The answers to requests that cannot be served: one sentence each, as JSON."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from foveal.errors import FovealError, UsageError
from foveal.web.errors import BAD_REQUEST, NOT_FOUND

FAILED = 500
SAID = {
    NOT_FOUND: "There is nothing at this address: the page is at /.",
    405: "This address takes no such request: the page is at /.",
}


def said(error: Exception) -> dict[str, str]:
    """Return what an error says, as every answer to an error does."""
    return {"message": " ".join(str(error).split())}


async def refusal(_: Request, error: Exception) -> JSONResponse:
    """Answer what cannot be served: the client's mistake, or ours where a network fails."""
    status = getattr(error, "status", BAD_REQUEST if isinstance(error, UsageError) else FAILED)
    return JSONResponse(said(error), status)


async def unknown_address(_: Request, error: Exception) -> JSONResponse:
    """Answer a request for what there is not."""
    status = getattr(error, "status_code", NOT_FOUND)
    return JSONResponse({"message": SAID.get(status, SAID[NOT_FOUND])}, status)


async def failure(_: Request, __: Exception) -> JSONResponse:
    """Answer where something is wrong with the page itself; the terminal says what."""
    message = "The page has failed at this: the terminal in which it was started says why."
    return JSONResponse({"message": message}, FAILED)


HANDLERS = {FovealError: refusal, HTTPException: unknown_address, Exception: failure}
