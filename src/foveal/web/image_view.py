"""View of one image: predictions, maps and occlusion sweeps of all variants, as JSON for the page."""

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
    LoadedStudy,
    Pixels,
    compute_gate_maps,
    compute_grad_cams,
    merge_occlusion_results,
    predict_probabilities,
    preprocess_image,
    sweep_occlusion,
)
from foveal.web.worker import Worker

_MAX_TOP_CLASSES = 5
_WINDOW_SCALES = (0.5, 0.75, 1, 1.5, 2)  # relative to the default window
FILL_NAMES = tuple(FILLS)
_DECIMALS = 4

Json = dict[str, Any]


@dataclass(eq=False)
class ImageSession:
    """A chosen image (H, W, C) with its predictions and its last occlusion sweep.

    `probabilities` (V, K) are those of each variant. `target` is the class of the maps unless a request
    names another one. `index` and `label` are the test-set index and the true class; both are None for an
    upload. The sweep is stored with its window and fill, because it serves every target class.
    """

    image: Pixels
    probabilities: Tensor
    target: int
    index: int | None = None
    label: int | None = None
    sweep: tuple[tuple[int, str], OcclusionResult] | None = None


def list_windows(study: LoadedStudy) -> tuple[int, ...]:
    """Return the window sizes that a request can choose, from half to twice the default.

    The choice is limited so that no request starts a sweep with very many windows.
    """
    side = min(study.data.image_shape[1:])
    default = choose_window(side)
    sizes = {min(side, max(1, round(scale * default))) for scale in _WINDOW_SCALES}
    return tuple(sorted(sizes))


def get_default_window(study: LoadedStudy) -> int:
    """Return the window size for a request without one."""
    return choose_window(min(study.data.image_shape[1:]))


def start_session(
    image: Pixels, study: LoadedStudy, *, index: int | None = None, label: int | None = None
) -> ImageSession:
    """Predict an image by every variant and return its session.

    The target is the true class. For an upload it is the most likely class on average over the variants:
    maps can be compared only if they are about the same class.
    """
    probabilities = predict_probabilities(study.variants, preprocess_image(image, study.data))
    target = int(probabilities.mean(0).argmax()) if label is None else label
    return ImageSession(image, probabilities, target, index, label)


def describe_predictions(session: ImageSession, study: LoadedStudy) -> Json:
    """Return the image as the networks see it, and the most likely classes of each variant."""
    count = min(_MAX_TOP_CLASSES, session.probabilities.shape[1])
    top = session.probabilities.topk(count)
    return {
        "picture": to_data_uri(session.image),
        "index": session.index,
        "label": session.label,
        "target": session.target,
        "variants": [
            {
                "variant": variant.name,
                "top": [
                    {"class": int(label), "probability": round(float(probability), _DECIMALS)}
                    for probability, label in zip(values, classes, strict=True)
                ],
            }
            for variant, values, classes in zip(study.variants, *top, strict=True)
        ],
    }


def compute_maps(session: ImageSession, study: LoadedStudy, target: int) -> Json:
    """Return Grad-CAM and gates of every variant, with one scale per kind of map."""
    images = preprocess_image(session.image, study.data)
    cams = [cam.numpy() for cam in compute_grad_cams(study.variants, images, target)]
    gates_by_variant = [compute_gate_maps(variant, images) for variant in study.variants]
    gates = [gate for gates in gates_by_variant for gate in gates]
    spatial = [gate.spatial_map[0].numpy() for gate in gates if gate.kind != "channel"]
    channels = [float(gate.channel_weights.max()) for gate in gates if gate.kind != "spatial"]
    cam_limit = compute_color_limit(cams)
    gate_range = compute_value_range(spatial) if spatial else None
    return {
        "target": target,
        "cam_limit": cam_limit,
        "gate_range": gate_range,
        "channel_limit": max([1.0, *channels]),
        "variants": [
            {
                "variant": variant.name,
                "cam": to_data_uri(blend_signed_map(session.image / 255, cam, limit=cam_limit)),
                "cam_is_flat": is_flat(cam),
                "gates": [_describe_gate(gate, session.image, gate_range) for gate in own_gates],
            }
            for variant, cam, own_gates in zip(study.variants, cams, gates_by_variant, strict=True)
        ],
    }


def _describe_gate(gate: GateMap, image: Pixels, limits: tuple[float, float] | None) -> Json:
    """Return the picture of a gate's map over positions and its sorted channel weights."""
    content: Json = {"site": gate.site, "kind": gate.kind}
    if gate.kind != "channel" and limits is not None:
        values = gate.spatial_map[0].numpy()
        content["picture"] = to_data_uri(blend_gate_map(image / 255, values, limits=limits))
        content["range"] = [
            round(float(value), _DECIMALS) for value in (values.min(), values.max())
        ]
    if gate.kind != "spatial":
        weights = np.sort(gate.channel_weights[0].numpy())[::-1]
        content["channel_weights"] = [round(float(weight), _DECIMALS) for weight in weights]
    return content


async def stream_occlusion(
    session: ImageSession,
    study: LoadedStudy,
    worker: Worker,
    *,
    window: int,
    fill: str,
    target: int,
) -> AsyncGenerator[Json, None]:
    """Yield the progress of a sweep over all variants, and at the end their maps.

    When the client disconnects, the sweep stops after its current chunk.
    """
    events: asyncio.Queue[Json | None] = asyncio.Queue()
    progress = _SweepProgress(asyncio.get_running_loop(), events)

    async def sweep_and_describe() -> Json:
        if session.sweep is None or session.sweep[0] != (window, fill):
            results = await sweep_variants(
                session, study, worker, progress, window=window, fill=fill
            )
            session.sweep = (window, fill), merge_occlusion_results(results)
        return await worker.run(
            partial(_describe_occlusion, session, study, session.sweep[1], target)
        )

    task = asyncio.create_task(sweep_and_describe())
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield await task
    finally:
        progress.cancelled.set()
        task.cancel()


async def sweep_variants(
    session: ImageSession,
    study: LoadedStudy,
    worker: Worker,
    progress: _SweepProgress,
    *,
    window: int,
    fill: str,
) -> list[OcclusionResult]:
    """Run the sweep of each variant; other requests can run between two variants."""
    images, count = preprocess_image(session.image, study.data), len(study.variants)
    results = []
    for index, variant in enumerate(study.variants):
        task = partial(
            sweep_occlusion,
            variant,
            images,
            study.data,
            window=window,
            fill=fill,
            progress=progress.make_callback(variant.name, index, count),
        )
        results.append(await worker.run(task))
    return results


@dataclass(frozen=True, eq=False)
class _SweepProgress:
    """Progress events from the worker thread to the event loop, and cancellation in the other direction."""

    loop: asyncio.AbstractEventLoop
    events: asyncio.Queue[Json | None]
    cancelled: threading.Event = field(default_factory=threading.Event)

    def make_callback(self, variant: str, index: int, count: int) -> Callable[[int, int], None]:
        """Return the function that the sweep of variant `index` of `count` calls after each chunk."""

        def report_progress(done: int, total: int) -> None:
            if self.cancelled.is_set():
                raise InterruptedError("The client has disconnected.")
            share = round((index + done / total) / count, _DECIMALS)
            event = {"variant": variant, "index": index, "progress": share}
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)

        return report_progress


def _describe_occlusion(
    session: ImageSession, study: LoadedStudy, result: OcclusionResult, target: int
) -> Json:
    """Return the occlusion maps of every variant for one class, on one scale."""
    maps = [result.map(variant.name, target=target)[0].numpy() for variant in study.variants]
    max_drops = [float(result.grid(v.name, target=target).max()) for v in study.variants]
    limit = compute_color_limit(maps)
    return {
        "target": target,
        "limit": limit,
        "window": result.windows.window,
        "stride": result.windows.stride,
        "fill": result.fills[0],
        "variants": [
            {
                "variant": variant.name,
                "picture": to_data_uri(blend_signed_map(session.image / 255, values, limit=limit)),
                "confidence": round(float(probabilities[target]), _DECIMALS),
                "max_drop": round(max_drop, _DECIMALS),
                "is_flat": is_flat(values),
            }
            for variant, values, probabilities, max_drop in zip(
                study.variants, maps, session.probabilities, max_drops, strict=True
            )
        ],
    }
