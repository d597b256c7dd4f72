"""Random maps, the control for explanation maps."""

from __future__ import annotations

import torch

from foveal.explanation.input_validation import Float64Array
from foveal.explanation.occlusion.windows import make_windows
from foveal.seeding import make_generator


def make_random_maps(
    shape: tuple[int, int, int],
    *,
    window: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    seed: int,
) -> Float64Array:
    """Return random maps (N, H, W) with the spatial resolution of occlusion maps for the same windows.

    The windows are those of an occlusion sweep with the edge rule `clip`. Each window gets a rank from a
    random permutation, and a pixel gets the mean rank of the windows that cover it. Independent noise per
    pixel is not a suitable control: it keeps a fine pattern of the image everywhere, and a network responds
    to that differently than to a hole. A map depends only on `seed` and its index.

    Args:
        shape: (N, H, W).
        window: height and width of the windows in pixels, or one number for both.
        stride: distance between windows, at most the window size; by default the window size, so that
            blocks are ranked.
        seed: seed of the permutations.

    >>> make_random_maps((1, 2, 4), window=2, seed=0).tolist()
    [[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]]
    """
    count, height, width = shape
    windows = make_windows(
        (height, width), window=window, stride=window if stride is None else stride
    )
    rankings = [
        torch.randperm(windows.count, generator=make_generator(seed, "random-maps", index))
        for index in range(count)
    ]
    # Each mean is a sum of integers divided once, so equal means are equal bit for bit.
    grid = torch.stack(rankings).view(count, *windows.shape)
    maps: Float64Array = windows.grid_to_pixels(grid).numpy()
    return maps
