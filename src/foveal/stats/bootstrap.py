"""Two-way bootstrap: variation of a difference of accuracies over seeds and test images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.correctness import BoolArray, require_correctness_arrays
from foveal.validation import require_strictly_between

_FloatArray = npt.NDArray[np.float64]
_MAX_RESAMPLED_WEIGHTS: Final = 1_000_000  # resamples times images in memory at once, about 30 MB


@dataclass(frozen=True, eq=False)
class BootstrapResult:
    """Difference of means with the percentile interval and the standard error of its `draws` (R,)."""

    difference: float
    interval: tuple[float, float]
    standard_error: float
    draws: _FloatArray


def run_two_way_bootstrap(
    correct: npt.ArrayLike,
    baseline_correct: npt.ArrayLike,
    *,
    generator: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> BootstrapResult:
    """Resample the seeds and images of correctness (S, N) and (S', N), and return the differences.

    Each draw takes S seeds of the variant and S' seeds of the baseline independently, and the same N images
    for both, all with replacement (Owen 2007, "The pigeonhole bootstrap"). The interval has the
    (1 - level) / 2 and (1 + level) / 2 quantiles of the draws as its ends.

    The result describes variation and decides nothing: with few seeds their part is too small by
    sqrt((S - 1) / S), and noise of a single run on a single image counts up to three times.

    >>> runs = np.eye(4, dtype=bool)
    >>> run_two_way_bootstrap(runs, ~runs, generator=np.random.default_rng(0)).difference
    -0.5
    """
    variant, baseline = require_correctness_arrays(correct, baseline_correct)
    if resamples < 2:
        raise bad_parameter("resamples", "at least 2", resamples)
    require_strictly_between("level", level, 0, 1)
    draws = np.concatenate(list(_iterate_draws(variant, baseline, generator, resamples)))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    difference = float(variant.mean() - baseline.mean())
    return BootstrapResult(difference, (float(low), float(high)), float(draws.std(ddof=1)), draws)


def _iterate_draws(
    variant: BoolArray, baseline: BoolArray, generator: np.random.Generator, resamples: int
) -> Iterator[_FloatArray]:
    """Yield the drawn differences in chunks that fit in memory."""
    chunk_size = max(1, _MAX_RESAMPLED_WEIGHTS // variant.shape[1])
    for start in range(0, resamples, chunk_size):
        count = min(chunk_size, resamples - start)
        image_weights = _sample_weights(generator, variant.shape[1], count)  # (R, N)
        yield (
            _sample_accuracies(variant, image_weights, generator)
            - _sample_accuracies(baseline, image_weights, generator)
        )


def _sample_accuracies(
    correct: BoolArray, image_weights: _FloatArray, generator: np.random.Generator
) -> _FloatArray:
    """Return the accuracy (R,) of resampled seeds on images with the weights (R, N)."""
    accuracies = image_weights @ correct.T.astype(np.float64)  # (R, S)
    seed_weights = _sample_weights(generator, len(correct), len(image_weights))
    return np.asarray((accuracies * seed_weights).sum(axis=1))


def _sample_weights(generator: np.random.Generator, size: int, resamples: int) -> _FloatArray:
    """Return the share of each of `size` items among `size` draws with replacement, (R, size)."""
    picks = generator.integers(size, size=(resamples, size))
    picks += size * np.arange(resamples)[:, None]  # separate bins for each resample
    counts = np.bincount(picks.ravel(), minlength=resamples * size)
    return counts.reshape(resamples, size) / size
