"""Occlusion sweep: the logits of every image under every window, in chunks that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from foveal.errors import FovealError
from foveal.explanation.occlusion.windows import Windows
from foveal.validation import require_finite_logits, require_logits

# Pixels per pass: small enough for the caches of a CPU, large enough to keep an accelerator busy.
_CPU_CHUNK_PIXELS = 50 * 32 * 32
_ACCELERATOR_CHUNK_PIXELS = 1024 * 32 * 32
_MIN_CHUNK = 16  # images; fewer leave cores idle between layers, for any image size
_OUT_OF_MEMORY_MESSAGES = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
)


def choose_chunk(images: Tensor) -> int:
    """Return the number of images per pass, which depends only on image size and device type.

    The constants were measured once; there is no timing at run time, so that results are reproducible.
    """
    is_cpu = images.device.type == "cpu"
    pixels = _CPU_CHUNK_PIXELS if is_cpu else _ACCELERATOR_CHUNK_PIXELS
    return max(_MIN_CHUNK, pixels // (images.shape[2] * images.shape[3]))


def sweep_logits(
    model: nn.Module,
    images: Tensor,
    windows: Windows,
    fills: Sequence[Tensor],
    *,
    chunk: int,
    check_class_count: Callable[[int], None],
    advance: Callable[[int], None],
) -> Tensor:
    """Return the logits of each unoccluded image and under each window, float32 (F, N, 1 + P, K), on the CPU.

    Besides the model, the sweep needs memory for at most two chunks of images and for the logits. If memory
    runs out, the chunk is halved and the sweep continues.

    Args:
        model: a network from (B, C, H, W) to logits (B, K), in eval mode.
        images: (N, C, H, W), on the model's device.
        windows: the windows of the sweep.
        fills: F fills, broadcastable to the images.
        chunk: number of images per pass.
        check_class_count: called with the number of classes K after the first pass.
        advance: called with the number of images after each pass.

    Raises:
        FovealError: memory runs out with one image per pass, or a logit is not finite.
    """
    positions = windows.count + 1  # position 0 is the unoccluded image
    inputs_per_fill = len(images) * positions
    total = len(fills) * inputs_per_fill
    logits: Tensor | None = None
    start = 0
    while start < total:
        fill_index, first = divmod(start, inputs_per_fill)
        # Chunks of equal size avoid a small last chunk with the full overhead of a pass.
        remaining_passes = -(-(inputs_per_fill - first) // chunk)
        size = -(-(inputs_per_fill - first) // remaining_passes)
        inputs = torch.arange(first, first + size, device=images.device)
        image_indices, window_indices = inputs // positions, inputs % positions - 1
        try:
            output = model(
                _occlude(images, windows, fills[fill_index], image_indices, window_indices)
            )
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if size == 1:
                raise FovealError(
                    f"There is not enough memory for one image per pass ({error}). Use smaller images or "
                    "another device."
                ) from error
            chunk = size // 2
            continue
        chunk_logits: Tensor = require_logits(output, size).float().cpu()
        if logits is None:
            check_class_count(chunk_logits.shape[1])
            logits = torch.empty(total, chunk_logits.shape[1])
        describe = partial(_format_input_location, first=first, windows=windows)
        require_finite_logits(chunk_logits, describe)
        logits[start : start + size] = chunk_logits
        start += size
        advance(size)
    assert logits is not None
    return logits.view(len(fills), len(images), positions, -1)


def _occlude(
    images: Tensor, windows: Windows, fill: Tensor, image_indices: Tensor, window_indices: Tensor
) -> Tensor:
    """Return copies (B, C, H, W) of images, each with one window filled; window index -1 fills nothing.

    Occluded pixels are replaced, not multiplied, so even inf/NaN under the window has no effect.
    """
    copies = images[image_indices]
    image_fills = fill if len(fill) == 1 else fill[image_indices]
    # On a CPU most layers, pooling above all, are faster with channels last.
    layout = torch.channels_last if images.device.type == "cpu" else torch.preserve_format
    out = torch.empty_like(copies, memory_format=layout)
    return torch.where(windows.masks(window_indices), image_fills, copies, out=out)


def _is_out_of_memory(error: Exception) -> bool:
    """Return True if an error reports missing memory; the message depends on the device."""
    is_memory_error = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_memory_error or any(message in str(error) for message in _OUT_OF_MEMORY_MESSAGES)


def _format_input_location(row: int, *, first: int, windows: Windows) -> str:
    """Return the image and the window of a row of logits, for error messages.

    `first` is the position of row 0 among the inputs with one fill.
    """
    image, position = divmod(first + row, windows.count + 1)
    if position == 0:
        return f"image {image} without occlusion"
    row, column = divmod(position - 1, windows.shape[1])
    tops, lefts = windows.starts
    return f"image {image} under the window at row {tops[row]}, column {lefts[column]}"
