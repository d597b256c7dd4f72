"""Run a network over every image under every window, in chunks that fit the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from foveal.errors import FovealError
from foveal.explanation.input_validation import check_finite, checked_logits
from foveal.explanation.occlusion.windows import Windows

# How much a pass takes at once: on a CPU what the caches hold, elsewhere what keeps an accelerator busy.
CHUNK_PIXELS = {"cpu": 50 * 32 * 32}
ACCELERATOR_CHUNK_PIXELS = 1024 * 32 * 32
MIN_CHUNK = 16  # fewer images leave the cores idle between the layers, however large the images are
OUT_OF_MEMORY_MESSAGES = (
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
)


def choose_chunk(images: Tensor) -> int:
    """Return how many copies of images go through the network at once.

    The same on every call, since results are: it is measured once for all, and not by a clock here.
    """
    pixels = CHUNK_PIXELS.get(images.device.type, ACCELERATOR_CHUNK_PIXELS)
    return max(MIN_CHUNK, pixels // (images.shape[2] * images.shape[3]))


def sweep_logits(
    model: nn.Module,
    images: Tensor,
    windows: Windows,
    fills: Sequence[Tensor],
    *,
    chunk: int,
    expect: Callable[[int], None],
    advance: Callable[[int], None],
) -> Tensor:
    """Return the logits of each image as it is and under each window, float32 (F, N, 1 + P, K), on the CPU.

    Besides the model this needs at most twice a chunk of images and the logits: what is hidden is chosen
    in a copy of the chunk, and logits are written where they stay. Where memory runs out, the chunk is
    halved and the sweep goes on. `expect` is told the number of classes as soon as it is known,
    `advance` how many images were done.

    Raises:
        FovealError: memory runs out with a single image at a time, or a logit is not finite.
    """
    positions = windows.count + 1
    of_a_fill = len(images) * positions
    total = len(fills) * of_a_fill
    logits: Tensor | None = None
    start = 0
    while start < total:
        place, first = divmod(start, of_a_fill)
        # Chunks of equal size: a small last one would pay for its overhead alone.
        left = -(-(of_a_fill - first) // chunk)
        size = -(-(of_a_fill - first) // left)
        rows = torch.arange(first, first + size, device=images.device)
        image, position = rows // positions, rows % positions - 1
        try:
            found = model(occlude(images, windows, fills[place], image, position))
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise FovealError(
                    "There is not enough memory for one image at a time: take smaller images or "
                    f"another device ({error})."
                ) from error
            chunk = size // 2
            continue
        found = checked_logits(found, size).float().cpu()
        if logits is None:
            expect(found.shape[1])
            logits = torch.empty(total, found.shape[1])
        check_finite(found, lambda row: describe_input(row, windows), first=first)
        logits[start : start + size] = found
        start += size
        advance(size)
    assert logits is not None
    return logits.view(len(fills), len(images), positions, -1)


def occlude(
    images: Tensor, windows: Windows, fill: Tensor, image: Tensor, position: Tensor
) -> Tensor:
    """Return copies of the images `image` (B,) with the windows `position` (B,) filled, (B, C, H, W).

    By selection: what lies under the window does not count, and were it infinite.
    """
    copies = images[image]
    own = fill if len(fill) == 1 else fill[image]
    # Most layers are faster on a CPU where the channels of a pixel lie together, pooling above all.
    layout = torch.channels_last if images.device.type == "cpu" else torch.preserve_format
    out = torch.empty_like(copies, memory_format=layout)
    return torch.where(windows.masks(position), own, copies, out=out)


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error tells of missing memory, which torch says in its own way on each device."""
    special = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return special or any(words in str(error) for words in OUT_OF_MEMORY_MESSAGES)


def describe_input(row: int, windows: Windows) -> str:
    """Name the image and the place that a row of a sweep is of."""
    image, position = divmod(row, windows.count + 1)
    if position == 0:
        return f"image {image} as it is"
    at = divmod(position - 1, windows.shape[1])
    top, left = (starts[k] for starts, k in zip(windows.starts, at, strict=True))
    return f"image {image} under the window at row {top}, column {left}"
