"""Application of the page: its addresses, each of which calls one function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp

from foveal.errors import FovealError
from foveal.plotting import make_color_scale_uris
from foveal.report.document import build_document
from foveal.report.html_page import read_template_file, render_report_html
from foveal.web.errors import (
    ERROR_HANDLERS,
    NOT_FOUND,
    RequestError,
    make_error_content,
    parse_choice,
    parse_index,
)
from foveal.web.gallery import list_examples
from foveal.web.image_cache import ImageCache
from foveal.web.image_view import (
    FILL_NAMES,
    ImageSession,
    Json,
    compute_maps,
    describe_predictions,
    get_default_window,
    list_windows,
    start_session,
    stream_occlusion,
)
from foveal.web.loaded_study import LoadedStudy
from foveal.web.safety import POLICY_HEADER, build_report_policy, guard_requests, read_body
from foveal.web.uploads import MAX_PIXELS, MAX_UPLOAD_BYTES, decode_upload
from foveal.web.worker import Worker

MAX_CACHED_IMAGES = 16
_MAX_JSON_BYTES = 1000  # the JSON of a request contains one number
_JSON_TYPE = "application/json"

_router = APIRouter()


@dataclass(frozen=True, eq=False)
class _ServerState:
    """State that all requests share.

    Reports take seconds and do not need torch. They have their own thread, so that images do not wait for
    them, and only one, because matplotlib's settings are global.
    """

    study: LoadedStudy
    worker: Worker
    report_thread: ThreadPoolExecutor
    sessions: ImageCache[ImageSession]


async def get_state(request: Request) -> _ServerState:
    """Return the state that all requests share."""
    state: _ServerState = request.app.state.shared
    return state


_SharedState = Annotated[_ServerState, Depends(get_state)]


async def get_session(token: str, state: _SharedState) -> ImageSession:
    """Return the session of an image.

    Raises:
        RequestError: the cache has no such session, or no longer has it.
    """
    session = state.sessions.get(token)
    if session is None:
        raise RequestError(
            f"The server keeps the last {MAX_CACHED_IMAGES} images, and this one is older. Choose it again.",
            status=NOT_FOUND,
        )
    return session


_RequestedSession = Annotated[ImageSession, Depends(get_session)]


def create_app(study: LoadedStudy, worker: Worker, *, port: int) -> ASGIApp:
    """Return the application that serves the page of a study at a port of this machine."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    report_thread = ThreadPoolExecutor(1, thread_name_prefix="foveal-report")
    sessions = ImageCache[ImageSession](capacity=MAX_CACHED_IMAGES)
    app.state.shared = _ServerState(study, worker, report_thread, sessions)
    app.include_router(_router)
    for kind, handler in ERROR_HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return guard_requests(app, port=port)


@_router.get("/")
async def get_page() -> Response:
    """Return the page."""
    return Response(_read_page_file("page.html"), media_type="text/html")


@_router.get("/page.css")
async def get_style() -> Response:
    """Return the style sheet of the page."""
    styles = read_template_file("palette.css") + _read_page_file("page.css")
    return Response(styles, media_type="text/css")


@_router.get("/page.js")
async def get_script() -> Response:
    """Return the script of the page."""
    return Response(_read_page_file("page.js"), media_type="text/javascript")


def _read_page_file(name: str) -> str:
    """Return a file of this package. The name never comes from a request."""
    return files("foveal.web").joinpath(name).read_text(encoding="utf-8")


@_router.get("/report")
async def get_report(state: _SharedState) -> Response:
    """Return the report of the current records, without writing files."""
    html = await asyncio.get_running_loop().run_in_executor(
        state.report_thread, _render_report, state.study.folder
    )
    headers = {POLICY_HEADER: build_report_policy(html)}
    return Response(html, media_type="text/html", headers=headers)


def _render_report(folder: Path) -> str:
    """Return the report of a folder as HTML, without writing files."""
    return render_report_html(build_document(folder))


@_router.get("/api/about")
async def get_about(state: _SharedState) -> JSONResponse:
    """Return the description of the networks and the choices that the page offers."""
    study = state.study
    data = study.data
    channels, height, width = data.image_shape
    return JSONResponse(
        {
            "model": study.model,
            "data": data.name,
            "classes": list(data.classes),
            "image": {"channels": channels, "height": height, "width": width},
            "normalization": {"mean": list(data.mean), "std": list(data.std)},
            "example_count": len(data.test),
            "variants": [{"name": each.name, "seed": each.seed} for each in study.variants],
            "omitted_variants": list(study.omitted_variants),
            "windows": list(list_windows(study)),
            "default_window": get_default_window(study),
            "fills": list(FILL_NAMES),
            "color_scales": make_color_scale_uris(),
            "max_bytes": MAX_UPLOAD_BYTES,
            "max_pixels": MAX_PIXELS,
        }
    )


@_router.get("/api/examples")
async def get_examples(
    state: _SharedState, class_text: Annotated[str, Query(alias="class")] = "0", page: str = "0"
) -> JSONResponse:
    """Return one page of the test images of a class."""
    return JSONResponse(await run_in_threadpool(list_examples, state.study, class_text, page))


@_router.post("/api/images")
async def post_image(request: Request, state: _SharedState) -> JSONResponse:
    """Start the session of an upload or of a test image, and return its predictions."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == _JSON_TYPE:
        body = await read_body(request, max_bytes=_MAX_JSON_BYTES)
        task = partial(_start_example_session, _parse_example(body, state.study), state.study)
    else:
        body = await read_body(request, max_bytes=MAX_UPLOAD_BYTES)
        task = partial(_start_upload_session, body, state.study)
    session, predictions = await state.worker.run(task)
    return JSONResponse({"token": state.sessions.add(session)} | predictions)


def _parse_example(body: bytes, study: LoadedStudy) -> int:
    """Return the test-set index in the JSON of a request.

    Raises:
        UsageError: the JSON contains something else.
    """
    try:
        index = json.loads(body)["example"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RequestError(
            'Send the index of a test image as {"example": 0}, or the bytes of an image.'
        ) from error
    return parse_index("example", str(index), range(len(study.data.test)))


def _start_example_session(index: int, study: LoadedStudy) -> tuple[ImageSession, Json]:
    """Return the session of a test image and its predictions."""
    test = study.data.test
    session = start_session(test.images[index], study, index=index, label=int(test.labels[index]))
    return session, describe_predictions(session, study)


def _start_upload_session(encoded: bytes, study: LoadedStudy) -> tuple[ImageSession, Json]:
    """Return the session of an uploaded image and its predictions."""
    session = start_session(decode_upload(encoded, study.data.image_shape), study)
    return session, describe_predictions(session, study)


@_router.get("/api/images/{token}/maps")
async def get_maps(
    session: _RequestedSession, state: _SharedState, target: str = ""
) -> JSONResponse:
    """Return Grad-CAM and gates of every variant."""
    label = _parse_target(target, session, state.study)
    return JSONResponse(await state.worker.run(partial(compute_maps, session, state.study, label)))


@_router.get("/api/images/{token}/occlusion")
async def get_occlusion(
    session: _RequestedSession,
    state: _SharedState,
    window: str = "",
    fill: str = "mean",
    target: str = "",
) -> StreamingResponse:
    """Return one line of JSON per step of the sweep, and the maps in the last line."""
    events = stream_occlusion(
        session,
        state.study,
        state.worker,
        window=_parse_window(window, state.study),
        fill=parse_choice("fill", fill, FILL_NAMES),
        target=_parse_target(target, session, state.study),
    )
    return StreamingResponse(encode_lines(events), media_type="application/x-ndjson")


def _parse_window(text: str, study: LoadedStudy) -> int:
    """Return the window size of a request, or the default for an empty text."""
    if not text:
        return get_default_window(study)
    return int(parse_choice("window", text, tuple(map(str, list_windows(study)))))


def _parse_target(text: str, session: ImageSession, study: LoadedStudy) -> int:
    """Return the target class of a request, or that of the session for an empty text."""
    if not text:
        return session.target
    return parse_index("target", text, range(len(study.data.classes)))


async def encode_lines(events: AsyncGenerator[Json, None]) -> AsyncIterator[str]:
    """Yield each event as a line of JSON; an error becomes the last line."""
    try:
        async with aclosing(events):
            async for event in events:
                yield json.dumps(event, allow_nan=False) + "\n"
    except FovealError as error:
        yield json.dumps(make_error_content(error)) + "\n"
