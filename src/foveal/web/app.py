"""The addresses of the page, each of which asks one function."""

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
from foveal.report.html_page import render_report_html
from foveal.web.errors import NOT_FOUND, RefusedError, one_of, whole_number
from foveal.web.failures import HANDLERS, said
from foveal.web.gallery import examples
from foveal.web.image_cache import Kept
from foveal.web.image_view import (
    FILL_NAMES,
    Json,
    Looked,
    answer,
    looked_at,
    maps,
    sweeping,
    usual_window,
    window_choices,
)
from foveal.web.loaded_study import Served
from foveal.web.safety import POLICY, body_of, guarded, report_policy
from foveal.web.uploads import MOST_BYTES, MOST_PIXELS, pixels_of
from foveal.web.worker import Worker

KEPT_IMAGES = 16
JSON = "application/json"
LONGEST_JSON = 1000  # bytes: it holds one number

router = APIRouter()


@dataclass(frozen=True, eq=False)
class State:
    """What all requests share.

    The report takes seconds and no torch: it has a thread of its own, so that images need not wait for it,
    and only one, as matplotlib's settings are those of the whole process.
    """

    served: Served
    worker: Worker
    reporter: ThreadPoolExecutor
    kept: Kept[Looked]


async def state_of(request: Request) -> State:
    """Return what all requests share."""
    state: State = request.app.state.shared
    return state


Shared = Annotated[State, Depends(state_of)]


async def image_of(token: str, shared: Shared) -> Looked:
    """Return the image that a token stands for.

    Raises:
        RefusedError: there is no such image, or not any more.
    """
    looked = shared.kept.get(token)
    if looked is None:
        raise RefusedError(
            f"The image is not kept any more, as the last {KEPT_IMAGES} are: choose it again.",
            status=NOT_FOUND,
        )
    return looked


Chosen = Annotated[Looked, Depends(image_of)]


def page_app(served: Served, worker: Worker, *, port: int) -> ASGIApp:
    """Return the application that serves the page of these networks on a port of this machine."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    reporter = ThreadPoolExecutor(1, thread_name_prefix="foveal-report")
    app.state.shared = State(served, worker, reporter, Kept(most=KEPT_IMAGES))
    app.include_router(router)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return guarded(app, port=port)


@router.get("/")
async def page() -> Response:
    """Return the page."""
    return Response(part_of_page("page.html"), media_type="text/html")


@router.get("/page.css")
async def style() -> Response:
    """Return how the page looks."""
    return Response(part_of_page("page.css"), media_type="text/css")


@router.get("/page.js")
async def script() -> Response:
    """Return what the page does."""
    return Response(part_of_page("page.js"), media_type="text/javascript")


def part_of_page(name: str) -> str:
    """Return a file that comes with the package; no name is ever a client's."""
    return files("foveal.web").joinpath(name).read_text(encoding="utf-8")


@router.get("/report")
async def report_page(shared: Shared) -> Response:
    """Return the report of the study or the run as its records are now; nothing is written."""
    html = await asyncio.get_running_loop().run_in_executor(
        shared.reporter, report_of, shared.served.folder
    )
    return Response(html, media_type="text/html", headers={POLICY: report_policy(html)})


def report_of(folder: Path) -> str:
    """Return the report of a folder without writing it there."""
    return render_report_html(build_document(folder))


@router.get("/api/about")
async def about(shared: Shared) -> JSONResponse:
    """Return what the page says of the networks and offers for choice."""
    served = shared.served
    data = served.data
    channels, height, width = data.image_shape
    return JSONResponse(
        {
            "model": served.model,
            "data": data.name,
            "classes": list(data.classes),
            "image": {"channels": channels, "height": height, "width": width},
            "normalization": {"mean": list(data.mean), "std": list(data.std)},
            "examples": len(data.test),
            "variants": [{"name": one.name, "seed": one.seed} for one in served.variants],
            "left_out": list(served.left_out),
            "windows": list(window_choices(served)),
            "window": usual_window(served),
            "fills": list(FILL_NAMES),
            "scales": make_color_scale_uris(),
            "most_bytes": MOST_BYTES,
            "most_pixels": MOST_PIXELS,
        }
    )


@router.get("/api/examples")
async def gallery(
    shared: Shared, kind: Annotated[str, Query(alias="class")] = "0", page: str = "0"
) -> JSONResponse:
    """Return one page of the test images of a class."""
    return JSONResponse(await run_in_threadpool(examples, shared.served, kind, page))


@router.post("/api/images")
async def images(request: Request, shared: Shared) -> JSONResponse:
    """Take an upload or the place of an example, and return what every variant says of it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON:
        body = await body_of(request, most=LONGEST_JSON)
        work = partial(example, example_row(body, shared.served), shared.served)
    else:
        body = await body_of(request, most=MOST_BYTES)
        work = partial(upload, body, shared.served)
    looked, found = await shared.worker.do(work)
    return JSONResponse({"token": shared.kept.put(looked)} | found)


def example_row(body: bytes, served: Served) -> int:
    """Return the row of the test set that a request asks for.

    Raises:
        UsageError: it asks for something else.
    """
    try:
        asked = json.loads(body)["example"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RefusedError('Write the place of an example as {"example": 0}.') from error
    return whole_number("example", str(asked), range(len(served.data.test)))


def example(row: int, served: Served) -> tuple[Looked, Json]:
    """Look at an image of the test set."""
    test = served.data.test
    looked = looked_at(test.images[row], served, row=row, label=int(test.labels[row]))
    return looked, answer(looked, served)


def upload(body: bytes, served: Served) -> tuple[Looked, Json]:
    """Look at an image that was sent."""
    looked = looked_at(pixels_of(body, served.data.image_shape), served)
    return looked, answer(looked, served)


@router.get("/api/images/{token}/maps")
async def image_maps(looked: Chosen, shared: Shared, target: str = "") -> JSONResponse:
    """Return Grad-CAM and gates of every variant."""
    served = shared.served
    wanted = target_of(target, looked, served)
    return JSONResponse(await shared.worker.do(partial(maps, looked, served, wanted)))


@router.get("/api/images/{token}/occlusion")
async def image_occlusion(
    looked: Chosen, shared: Shared, window: str = "", fill: str = "mean", target: str = ""
) -> StreamingResponse:
    """Return a line of JSON for each step of the sweep, and the maps in the last one."""
    served = shared.served
    events = sweeping(
        looked,
        served,
        shared.worker,
        window=window_of(window, served),
        fill=one_of("fill", fill, FILL_NAMES),
        target=target_of(target, looked, served),
    )
    return StreamingResponse(lines(events), media_type="application/x-ndjson")


def window_of(text: str, served: Served) -> int:
    """Return the window that a client asks for, one of those that are offered."""
    if not text:
        return usual_window(served)
    return int(one_of("window", text, tuple(map(str, window_choices(served)))))


def target_of(text: str, looked: Looked, served: Served) -> int:
    """Return the class that the maps are to be about."""
    if not text:
        return looked.target
    return whole_number("target", text, range(len(served.data.classes)))


async def lines(events: AsyncGenerator[Json, None]) -> AsyncIterator[str]:
    """Write each event as a line; what goes wrong on the way is the last one."""
    try:
        async with aclosing(events):
            async for event in events:
                yield json.dumps(event, allow_nan=False) + "\n"
    except FovealError as error:
        yield json.dumps(said(error)) + "\n"
