"""What the page shows of one image, from the networks to what JSON can hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from foveal.explanation import GateMap, OcclusionResult
from foveal.explanation.occlusion import FILLS, choose_window
from foveal.plotting import (
    blend_gate_map,
    blend_signed_map,
    compute_color_limit,
    compute_value_range,
    is_flat,
    to_data_uri,
)
from foveal.web.loaded_study import (
    Pixels,
    Served,
    cams_of,
    gates_of,
    probabilities,
    swept,
    taken,
    together,
)
from foveal.web.worker import Worker

TOP = 5
WINDOWS = (0.5, 0.75, 1, 1.5, 2)  # of the window that is taken by itself
FILL_NAMES = tuple(FILLS)
DIGITS = 4

Json = dict[str, Any]


@dataclass(eq=False)
class Looked:
    """An image (H, W, C) that was chosen, and what is known of it.

    `row` is its place in the test set and `label` its class, None for an upload; `probability` (V, K) is what
    each variant says; `target` the class that maps are about unless another is asked for. The last sweep is
    kept, as it serves every class.
    """

    image: Pixels
    probability: Tensor
    target: int
    row: int | None = None
    label: int | None = None
    sweep: tuple[tuple[int, str], OcclusionResult] | None = None


def window_choices(served: Served) -> tuple[int, ...]:
    """Return the windows that may be asked for: from half of the usual one to twice.

    Few, so that nobody can ask for a sweep without end.
    """
    side = min(served.data.image_shape[1:])
    usual = choose_window(side)
    sizes = {min(side, max(1, round(share * usual))) for share in WINDOWS}
    return tuple(sorted(sizes))


def usual_window(served: Served) -> int:
    """Return the window that is taken unless another is asked for."""
    return choose_window(min(served.data.image_shape[1:]))


def looked_at(
    image: Pixels, served: Served, *, row: int | None = None, label: int | None = None
) -> Looked:
    """Ask every variant about an image.

    Its maps are about its true class; where that is not known, about the one that the variants find most
    likely on average: one class for all, or their maps could not be compared.
    """
    found = probabilities(served.variants, taken(image, served.data))
    target = int(found.mean(0).argmax()) if label is None else label
    return Looked(image, found, target, row, label)


def answer(looked: Looked, served: Served) -> Json:
    """Return the image as the networks see it, and the likeliest classes of each variant."""
    count = min(TOP, looked.probability.shape[1])
    likeliest = looked.probability.topk(count)
    return {
        "picture": to_data_uri(looked.image),
        "row": looked.row,
        "label": looked.label,
        "target": looked.target,
        "variants": [
            {
                "variant": variant.name,
                "top": [
                    {"class": int(k), "probability": round(float(p), DIGITS)}
                    for p, k in zip(values, classes, strict=True)
                ],
            }
            for variant, values, classes in zip(served.variants, *likeliest, strict=True)
        ],
    }


def maps(looked: Looked, served: Served, target: int) -> Json:
    """Return Grad-CAM and gates of every variant: one scale for each kind of map, over all variants."""
    images = taken(looked.image, served.data)
    cams = [cam.numpy() for cam in cams_of(served.variants, images, target)]
    gates = [gates_of(variant, images) for variant in served.variants]
    spatial = [
        one.spatial_map[0].numpy() for each in gates for one in each if one.kind != "channel"
    ]
    channels = [
        one.channel_weights.max() for each in gates for one in each if one.kind != "spatial"
    ]
    limit, ends = compute_color_limit(cams), compute_value_range(spatial) if spatial else None
    return {
        "target": target,
        "cam_limit": limit,
        "gate_ends": ends,
        "channel_limit": max([1.0, *map(float, channels)]),
        "variants": [
            {
                "variant": variant.name,
                "cam": to_data_uri(blend_signed_map(looked.image / 255, cam, limit=limit)),
                "cam_flat": is_flat(cam),
                "gates": [gate(one, looked.image, ends) for one in own],
            }
            for variant, cam, own in zip(served.variants, cams, gates, strict=True)
        ],
    }


def gate(one: GateMap, image: Pixels, ends: tuple[float, float] | None) -> Json:
    """Return one gate: its map over positions as a picture, its weights of channels sorted."""
    found: Json = {"site": one.site, "kind": one.kind}
    if one.kind != "channel" and ends is not None:
        values = one.spatial_map[0].numpy()
        found["picture"] = to_data_uri(blend_gate_map(image / 255, values, limits=ends))
        found["ends"] = [round(float(value), DIGITS) for value in (values.min(), values.max())]
    if one.kind != "spatial":
        weights = np.sort(one.channel_weights[0].numpy())[::-1]
        found["channels"] = [round(float(value), DIGITS) for value in weights]
    return found


async def sweeping(
    looked: Looked, served: Served, worker: Worker, *, window: int, fill: str, target: int
) -> AsyncGenerator[Json, None]:
    """Yield how far the sweep is, variant after variant, and at the end the maps of all of them.

    Where nobody listens any more, the sweep ends with the passes that it is at.
    """
    heard: asyncio.Queue[Json | None] = asyncio.Queue()
    progress = Progress(asyncio.get_running_loop(), heard)

    async def work() -> Json:
        if looked.sweep is None or looked.sweep[0] != (window, fill):
            found = await sweeps(looked, served, worker, progress, window=window, fill=fill)
            looked.sweep = (window, fill), together(found)
        return await worker.do(partial(occlusion, looked, served, looked.sweep[1], target))

    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: heard.put_nowait(None))
    try:
        while (event := await heard.get()) is not None:
            yield event
        yield await task
    finally:
        progress.gone.set()
        task.cancel()


async def sweeps(
    looked: Looked,
    served: Served,
    worker: Worker,
    progress: Progress,
    *,
    window: int,
    fill: str,
) -> list[OcclusionResult]:
    """Sweep with one variant after the other; in between other requests have their turn."""
    images, count = taken(looked.image, served.data), len(served.variants)
    found = []
    for place, variant in enumerate(served.variants):
        listen = progress.listener(variant.name, place, count)
        work = partial(swept, variant, images, served.data, window=window, fill=fill, listen=listen)
        found.append(await worker.do(work))
    return found


@dataclass(frozen=True, eq=False)
class Progress:
    """The way from the thread that sweeps to the loop that tells, and back whether anybody listens."""

    loop: asyncio.AbstractEventLoop
    heard: asyncio.Queue[Json | None]
    gone: threading.Event = field(default_factory=threading.Event)

    def listener(self, variant: str, place: int, count: int) -> Callable[[int, int], None]:
        """Return what a sweep calls after each of its passes."""

        def listen(done: int, total: int) -> None:
            if self.gone.is_set():
                raise InterruptedError("Nobody listens to this sweep any more.")
            share = round((place + done / total) / count, DIGITS)
            event = {"variant": variant, "place": place, "done": share}
            self.loop.call_soon_threadsafe(self.heard.put_nowait, event)

        return listen


def occlusion(looked: Looked, served: Served, result: OcclusionResult, target: int) -> Json:
    """Return the maps of every variant for one class, on one scale."""
    each = [result.map(variant.name, target=target)[0].numpy() for variant in served.variants]
    falls = [float(result.grid(v.name, target=target).max()) for v in served.variants]
    limit = compute_color_limit(each)
    return {
        "target": target,
        "limit": limit,
        "window": result.windows.window,
        "stride": result.windows.stride,
        "fill": result.fills[0],
        "variants": [
            {
                "variant": variant.name,
                "picture": to_data_uri(blend_signed_map(looked.image / 255, values, limit=limit)),
                "probability": round(float(own[target]), DIGITS),
                "drop": round(fall, DIGITS),
                "flat": is_flat(values),
            }
            for variant, values, own, fall in zip(
                served.variants, each, looked.probability, falls, strict=True
            )
        ],
    }
