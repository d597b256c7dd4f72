"""Maps that know nothing, as a control of those that should."""

from __future__ import annotations

import torch

from foveal.explanation.input_validation import Numbers
from foveal.explanation.occlusion.windows import make_windows
from foveal.seeding import make_generator


def random_maps(
    shape: tuple[int, int, int],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    seed: int,
) -> Numbers:
    """Return maps (N, H, W) that know nothing, as coarse as occlusion maps of the same windows.

    The windows lie as in an occlusion sweep, the last one cut off at the border. Each has a place in a
    random ranking of them all, and a pixel takes the mean over the windows that cover it. Noise pixel by
    pixel would be no control: it leaves a fine pattern of the image everywhere, which a network
    answers in another way than to a hole. A map hangs on `seed` and its index alone.

    Args:
        shape: (N, H, W).
        window: height and width of the windows in pixels, or both in one number.
        stride: from one window to the next, at most the window; by default the window, so that the
            ranking is one of blocks.
        seed: of the rankings.

    >>> random_maps((1, 2, 4), window=2, seed=0).tolist()
    [[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]]
    """
    count, height, width = shape
    step = window if stride is None else stride
    windows = make_windows((height, width), window=window, stride=step)
    rankings = [
        torch.randperm(windows.count, generator=make_generator(seed, "random-maps", index))
        for index in range(count)
    ]
    # A mean is a sum of whole numbers, divided once: equals stay equal to the last bit.
    maps: Numbers = windows.grid_to_pixels(
        torch.stack(rankings).view(count, *windows.shape)
    ).numpy()
    return maps
