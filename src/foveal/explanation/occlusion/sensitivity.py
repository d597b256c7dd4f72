"""Occlusion sensitivity: what a network says when a window of the image is hidden."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from foveal.errors import bad_parameter
from foveal.explanation.input_validation import (
    require_class_per_image,
    require_images,
    require_known_classes,
)
from foveal.explanation.inputs import to_model
from foveal.explanation.occlusion.fills import Fill, Normalization, resolve_fills
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.scores import SCORES, require_score_for_outputs
from foveal.explanation.occlusion.sweep import choose_chunk, sweep_logits
from foveal.explanation.occlusion.targets import Target, require_target
from foveal.explanation.occlusion.windows import Size, make_windows
from foveal.module_modes import eval_mode
from foveal.optional_imports import STUDY, suggest_install

MAX_SILENT_PASSES = 20_000  # forward passes of one image
DEFAULT_MODEL_NAME = "model"  # the name of a model that was given without one

OCCLUSION_PRESETS: dict[str, dict[str, Any]] = {
    "captum": {"fill": 0.0, "edge": "clip", "score": "logit"},
    "mathworks": {"window": 0.2, "stride": 0.1, "fill": "mean", "edge": "clip", "score": "prob"},
    "monai": {"window": 16, "stride": 12, "fill": "image-mean", "edge": "shift", "score": "prob"},
}
"""What other tools take, for `occlusion_sensitivity(model, images, labels, **PRESETS["captum"])`.

Captum has no window of its own and attributes whatever the model returns. MathWorks and MONAI draw the
probability itself where ours is its drop, and MONAI's own default fades the window out.
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
    """Hide a window at every place of every image, and keep what each model then says.

    One sweep serves every class and every score: the result derives them from the logits. Several models
    share images, target, fill and windows, so that their maps can be compared. A map is positive where
    hiding lowers the score, that is where there was evidence for the class. The models are in eval mode
    meanwhile and get their own modes back; weights, hooks and generators are left alone.

    Args:
        models: a network from (N, C, H, W) to logits (N, K), or several by name.
        images: (N, C, H, W), as the models take them, but for device and dtype, which are each model's.
        labels: the true classes (N,); needed for `target="label"`.
        window, stride, edge: where the windows lie, see `foveal.explanation.occlusion.windows.windows_over`. At
            32 px `auto` gives windows of 8 every 4 px, at 224 px of 32 every 16.
        fill: what hides, by selection and not by arithmetic. Colors of image space: `mean` (that of the
            data if `normalization` is given, else of `images`), `black` and `gray` (both need
            `normalization`), `image-mean`, `blur` (a Gaussian of half a window) and `noise` (with mean
            and deviation of the data, as for `mean`). A number or a tensor, (C,), (C, H, W) or
            (N, C, H, W), is taken in the model's input space: 0.0 is Captum's default. Several in a list
            are swept each, and maps are their mean.
        target: what the maps are about: `label`, `pred` (what each model predicts of the plain image), a
            class, a tensor (N,) of classes, or `all`.
        score: `prob`, `logit`, `logprob`, `margin` (to the best other class), or `relative` (the drop of
            the probability as a share of it).
        chunk: images a forward pass; `auto` goes by the device of each model. Results do not depend on
            it by more than 1e-6, and it is halved where memory runs out. Besides the model a sweep needs
            no more than twice the chunk's input, and 4 bytes for each logit.
        normalization: mean and std by which `images` were normalized, of each channel or one for all.
            (0, 1) says that they are in image space: `mean` and `noise` then follow `images`.
        progress: show a bar on stderr, or a function that is told how many forward passes of one image
            are done, and of how many; what it raises ends the sweep.

    Raises:
        UsageError: a parameter is wrong, `labels` are missing or out of range.
        FovealError: a model returns what is not finite, or memory runs out with a single image.

    Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2.
    With `score="logit"` equal to Captum's `Occlusion`, with `prob` to that of the model with a softmax;
    but what is infinite under a window does not become NaN.

    >>> from foveal.models import ConvNet
    >>> images = torch.rand(2, 3, 32, 32)
    >>> result = occlusion_sensitivity(ConvNet(), images, [3, 5])
    >>> result.map().shape, result.map(target="all", score="margin").shape
    (torch.Size([2, 32, 32]), torch.Size([2, 10, 32, 32]))
    """
    named = dict(models) if isinstance(models, Mapping) else {DEFAULT_MODEL_NAME: models}
    if not named or not all(isinstance(model, nn.Module) for model in named.values()):
        raise bad_parameter("models", "a module, or modules by name", models)
    require_images(images)
    if score not in SCORES:
        raise bad_parameter("score", "one of " + ", ".join(map(repr, SCORES)), score)
    true = None if labels is None else require_class_per_image("labels", labels, len(images))
    wanted = require_target(target, true, len(images))
    height, width = images.shape[2:]
    windows = make_windows((height, width), window=window, stride=stride, edge=edge)
    fills = resolve_fills(fill, images, normalization=normalization, window=windows.window)
    size = None if chunk == "auto" else require_chunk(chunk)
    work = len(images) * (windows.count + 1) * len(fills) * len(named)
    if work > MAX_SILENT_PASSES:
        warnings.warn(
            f"{work:,} forward passes of one image: take a larger stride or fewer images for a quick look.",
            stacklevel=3,
        )
    logits = {}
    with track_progress(work, progress) as advance:
        for name, model in named.items():
            taken = to_model(model, images)
            with eval_mode(model):
                logits[name] = sweep_logits(
                    model,
                    taken,
                    windows,
                    [color.to(taken) for color in fills.values()],
                    chunk=choose_chunk(taken) if size is None else size,
                    expect=lambda classes: require_known_outputs(classes, wanted, true, score),
                    advance=advance,
                )
    return OcclusionResult(
        logits=logits, windows=windows, fills=tuple(fills), labels=true, target=wanted, score=score
    )


def require_chunk(chunk: str | int) -> int:
    """Return the size of a chunk that was given."""
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise bad_parameter("chunk", "`auto`, or a whole number of images, at least 1", chunk)
    return chunk


def require_known_outputs(classes: int, target: Target, labels: Tensor | None, score: str) -> None:
    """Refuse labels and targets that the model has no logit for."""
    for name, given in (("labels", labels), ("target", target)):
        if given is not None and not isinstance(given, str):
            require_known_classes(name, given, classes)
    require_score_for_outputs(score, classes)


@contextmanager
def track_progress(
    total: int, progress: bool | Callable[[int, int], None]
) -> Iterator[Callable[[int], None]]:
    """Give a function that counts what is done, and show it or tell of it where asked to."""
    if callable(progress):
        yield make_progress_counter(progress, total)
        return
    if not progress:
        yield lambda _: None
        return
    with suggest_install(STUDY):
        from rich.console import Console
        from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("occlusion", total=total)
        yield lambda done: shown.advance(task, done)


def make_progress_counter(
    listener: Callable[[int, int], None], total: int
) -> Callable[[int], None]:
    """Return a function that adds up what is done and tells the listener."""
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        listener(done, total)

    return advance
