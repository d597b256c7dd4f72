"""How far a difference of accuracies moves with other seeds and other test images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.correctness import BoolArray, same_images

FloatArray = npt.NDArray[np.float64]
CELLS = 1_000_000  # resamples times images that are held at once: some 30 MB


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Difference of means, its percentile interval and its standard error, from `draws` (R,)."""

    difference: float
    interval: tuple[float, float]
    standard_error: float
    draws: FloatArray


def two_way_bootstrap(
    correct: npt.ArrayLike,
    baseline_correct: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Bootstrap:
    """Resample seeds and images of correctness (S, N) and (S', N), and return how the difference moves.

    Each draw takes S seeds and S' seeds, an arm apart from the other, and the same N images for both,
    all with replacement (Owen 2007, "The pigeonhole bootstrap"). The interval lies between the
    (1 - level) / 2 and (1 + level) / 2 quantiles of the draws.

    It shows a spread and decides nothing: few seeds make their part too small, as sqrt((S - 1) / S),
    and what is one run's and one image's own counts up to three times.

    >>> runs = np.eye(4, dtype=bool)
    >>> two_way_bootstrap(runs, ~runs, generator=np.random.default_rng(0)).difference
    -0.5
    """
    arm, baseline = same_images(correct, baseline_correct)
    if resamples < 2:
        raise bad_parameter("resamples", "at least 2", resamples)
    if not 0 < level < 1:
        raise bad_parameter("level", "between 0 and 1", level)
    draws = np.concatenate(list(chunks(arm, baseline, generator, resamples)))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    difference = float(arm.mean() - baseline.mean())
    return Bootstrap(difference, (float(low), float(high)), float(draws.std(ddof=1)), draws)


def chunks(
    arm: BoolArray, baseline: BoolArray, generator: np.random.Generator, resamples: int
) -> Iterator[FloatArray]:
    """Yield the draws in parts that fit in memory."""
    size = max(1, CELLS // arm.shape[1])
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        images = shares(generator, arm.shape[1], count)  # (R, N)
        yield means(arm, images, generator) - means(baseline, images, generator)


def means(arm: BoolArray, images: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return an arm's accuracy (R,) in each draw: of resampled seeds on the images given (R, N)."""
    by_seed = images @ arm.T.astype(np.float64)  # (R, S)
    return np.asarray((by_seed * shares(generator, len(arm), len(images))).sum(axis=1))


def shares(generator: np.random.Generator, size: int, resamples: int) -> FloatArray:
    """Return how often each of `size` things is drawn in `size` draws, over `size`: (R, size)."""
    picks = generator.integers(size, size=(resamples, size))
    picks += size * np.arange(resamples)[:, None]  # one range of bins a resample
    counts = np.bincount(picks.ravel(), minlength=resamples * size)
    return counts.reshape(resamples, size) / size
