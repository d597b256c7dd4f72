"""Occlusion sensitivity: the change of a network's output if a window of the image is occluded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import (
    move_to_model,
    require_class_per_image,
    require_images,
    require_known_classes,
)
from foveal.explanation.occlusion.fills import Fill, Normalization, resolve_fills
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.scores import SCORES, require_score_for_outputs
from foveal.explanation.occlusion.sweep import choose_chunk, sweep_logits
from foveal.explanation.occlusion.targets import Target, require_target
from foveal.explanation.occlusion.windows import Size, make_windows
from foveal.module_modes import eval_mode
from foveal.optional_imports import STUDY_EXTRA, suggest_install
from foveal.validation import require_one_of

_MAX_PASSES_WITHOUT_WARNING = 20_000  # forward passes of one image; a sweep with more warns
_DEFAULT_MODEL_NAME = "model"  # name of a model that is passed without a name

OCCLUSION_PRESETS: dict[str, dict[str, Any]] = {
    "captum": {"fill": 0.0, "edge": "clip", "score": "logit"},
    "mathworks": {"window": 0.2, "stride": 0.1, "fill": "mean", "edge": "clip", "score": "prob"},
    "monai": {"window": 16, "stride": 12, "fill": "image-mean", "edge": "shift", "score": "prob"},
}
"""Settings of other tools, for `occlusion_sensitivity(model, images, labels, **OCCLUSION_PRESETS["captum"])`.

Captum has no default window and attributes any output of the model. MathWorks and MONAI draw the probability;
here it is the drop of the probability. MONAI's default mask is Gaussian; here the window has sharp edges.
"""


@torch.no_grad()
def occlusion_sensitivity(
    models: nn.Module | Mapping[str, nn.Module],
    images: Tensor,
    labels: Tensor | Sequence[int] | None = None,
    *,
    window: Size = "auto",
    stride: Size = "auto",
    fill: Fill | Sequence[Fill] = "mean",
    target: Target = "label",
    edge: str = "clip",
    score: str = "prob",
    chunk: str | int = "auto",
    normalization: Normalization | None = None,
    progress: bool | Callable[[int, int], None] = False,
) -> OcclusionResult:
    """Occlude every window of every image, and return the logits of each model.

    One sweep serves every class and every score: the result derives them from the logits. Several models
    share images, target, fill and windows, so that their maps can be compared. A map is positive where
    occlusion lowers the score, so where the image has evidence for the class. The models are in eval mode
    during the call; afterwards each module has its previous mode. Weights, hooks and random generators do
    not change.

    Args:
        models: a network from (N, C, H, W) to logits (N, K), or several networks by name.
        images: (N, C, H, W), in the models' input space. They are moved to the device and dtype of each
            model.
        labels: the true classes (N,); required for `target="label"`.
        window, stride, edge: geometry of the windows, see
            `foveal.explanation.occlusion.windows.make_windows`. `auto` gives windows of 8 px every 4 px at
            32 px, and of 32 px every 16 px at 224 px.
        fill: value of occluded pixels. Named fills are colors in image space: `mean` (of the data if
            `normalization` is given, otherwise of `images`), `black` and `gray` (both need
            `normalization`), `image-mean`, `blur` (a Gaussian with a sigma of half a window) and `noise`
            (Gaussian, with mean and standard deviation of the same data as `mean`). A number or a tensor,
            (C,), (C, H, W) or (N, C, H, W), is in the model's input space; 0.0 is Captum's default. For a
            list, each fill is swept, and maps are the mean over the fills.
        target: the class that the maps explain: `label`, `pred` (each model's prediction for the unoccluded
            image), a class, a tensor (N,) of classes, or `all`.
        score: `prob`, `logit`, `logprob`, `margin` (difference to the best other class), or `relative` (drop
            of the probability as a share of the probability).
        chunk: number of images per pass; `auto` depends on the device of each model. Results differ by at
            most 1e-6 between chunk sizes. The chunk is halved if memory runs out. Besides the model, a
            sweep needs at most twice the input of one chunk, and 4 bytes per logit.
        normalization: mean and std with which `images` were normalized, per channel or one number for all.
            (0, 1) means that the images are in image space; `mean` and `noise` then use statistics of
            `images`.
        progress: true for a progress bar on stderr, or a function that is called with the finished and the
            total number of forward passes of one image. An exception in this function ends the sweep.

    Raises:
        UsageError: a parameter is invalid, or `labels` are missing or out of range.
        FovealError: the output of a model is not finite, or memory runs out with one image per pass.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2.
    With `score="logit"` the result equals Captum's `Occlusion`, with `prob` that of the model with a
    softmax, except that an infinite value under a window does not become NaN.

    >>> from foveal.models import ConvNet
    >>> images = torch.rand(2, 3, 32, 32)
    >>> result = occlusion_sensitivity(ConvNet(), images, [3, 5])
    >>> result.map().shape, result.map(target="all", score="margin").shape
    (torch.Size([2, 32, 32]), torch.Size([2, 10, 32, 32]))
    """
    models_by_name = dict(models) if isinstance(models, Mapping) else {_DEFAULT_MODEL_NAME: models}
    if not models_by_name or not all(isinstance(m, nn.Module) for m in models_by_name.values()):
        raise bad_parameter("models", "a module, or modules by name", models)
    require_images(images)
    require_one_of("score", score, SCORES)
    classes = None if labels is None else require_class_per_image("labels", labels, len(images))
    target = require_target(target, classes, len(images))
    height, width = images.shape[2:]
    windows = make_windows((height, width), window=window, stride=stride, edge=edge)
    fills = resolve_fills(fill, images, normalization=normalization, window=windows.window)
    fixed_chunk = None if chunk == "auto" else _require_chunk(chunk)
    passes = len(images) * (windows.count + 1) * len(fills) * len(models_by_name)
    if passes > _MAX_PASSES_WITHOUT_WARNING:
        warnings.warn(
            f"The sweep needs {passes:,} forward passes of one image. Use a larger stride or fewer images "
            "for a faster result.",
            stacklevel=3,
        )
    logits = {}
    with _track_progress(passes, progress) as advance:
        for name, model in models_by_name.items():
            model_images = move_to_model(model, images)
            with eval_mode(model):
                logits[name] = sweep_logits(
                    model,
                    model_images,
                    windows,
                    [tensor.to(model_images) for tensor in fills.values()],
                    chunk=choose_chunk(model_images) if fixed_chunk is None else fixed_chunk,
                    check_class_count=lambda count: _require_valid_outputs(
                        count, target, classes, score
                    ),
                    advance=advance,
                )
    return OcclusionResult(
        logits=logits,
        windows=windows,
        fills=tuple(fills),
        labels=classes,
        target=target,
        score=score,
    )


def _require_chunk(chunk: str | int) -> int:
    """Return the chunk if it is an integer of at least 1; otherwise raise a `UsageError`."""
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise bad_parameter("chunk", "`auto`, or an integer, at least 1", chunk)
    return chunk


def _require_valid_outputs(
    class_count: int, target: Target, labels: Tensor | None, score: str
) -> None:
    """Raise a `UsageError` if a model with `class_count` outputs lacks a label, a target or the score."""
    for name, classes in (("labels", labels), ("target", target)):
        if classes is not None and not isinstance(classes, str):
            require_known_classes(name, classes, class_count)
    require_score_for_outputs(score, class_count)


@contextmanager
def _track_progress(
    total: int, progress: bool | Callable[[int, int], None]
) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds finished passes and updates the progress bar or the callback."""
    if callable(progress):
        yield _make_progress_counter(progress, total)
        return
    if not progress:
        yield lambda _: None
        return
    with suggest_install(STUDY_EXTRA):
        from rich.console import Console
        from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("occlusion", total=total)
        yield lambda passes: bar.advance(task, passes)


def _make_progress_counter(
    callback: Callable[[int, int], None], total: int
) -> Callable[[int], None]:
    """Return a function that adds finished passes and calls `callback` with their sum and the total."""
    finished = 0

    def advance(passes: int) -> None:
        nonlocal finished
        finished += passes
        callback(finished, total)

    return advance
