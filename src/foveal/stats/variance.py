"""Sources of uncertainty of a difference of accuracies: the seeds and the finite test set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.correctness import BoolArray, require_correctness_arrays


@dataclass(frozen=True)
class VarianceSplit:
    """Standard errors of the difference of means due to seeds and due to images, as fractions of 1.

    `finite_test_share` is the share of the variance due to seeds that exists only because the test set is
    finite: on more images, runs of different seeds would agree better.
    """

    seed_error: float
    image_error: float
    finite_test_share: float

    @property
    def total_error(self) -> float:
        """Standard error for other seeds and other test images: sqrt(seed_error^2 + image_error^2)."""
        return math.hypot(self.seed_error, self.image_error)


def split_variance(correct: npt.ArrayLike, baseline_correct: npt.ArrayLike) -> VarianceSplit:
    """Split the standard error of the difference of mean correctness; the arrays are (S, N) and (S', N).

    seed_error = sqrt(s^2 / S + s'^2 / S') with s the standard deviation of a run's accuracy: Welch's;
    image_error = sqrt((v - e) / N) with v the variance over images of the difference of the mean correctness,
    and e = sum over both of w / S, the part of v that is noise of one run on one image. By the two-way
    analysis of variance w = (mean_n(var_s) - s^2) N / (N - 1): the effect of a whole run moves all images
    alike, so it is in mean_n(var_s) and not in v. The same noise is in the accuracy of a run with the
    variance w / N, so finite_test_share = (e / N) / seed_error^2, at most 1.

    With one run, the seed error and the share are NaN and no noise is subtracted from v for that variant.
    The share is also NaN if the runs of neither variant vary.

    >>> correct = [[True, True, False, False], [True, True, True, False]]
    >>> split = split_variance(correct, correct)
    >>> round(split.seed_error, 4), split.image_error, round(split.finite_test_share, 4)
    (0.1768, 0.0, 1.0)
    """
    both = require_correctness_arrays(correct, baseline_correct)
    a, b = (runs.mean(axis=0) for runs in both)
    if a.size < 2:
        raise bad_parameter("correct", "about at least 2 images", np.shape(correct))
    noise = sum(compute_noise_variance(runs) for runs in both if len(runs) > 1)
    image_variance = max(0.0, float(np.var(a - b, ddof=1)) - noise) / a.size
    seed_variance = sum(_compute_seed_variance(runs) for runs in both)
    share = min(1.0, max(0.0, noise / a.size / seed_variance)) if seed_variance > 0 else math.nan
    return VarianceSplit(math.sqrt(seed_variance), math.sqrt(image_variance), share)


def _compute_seed_variance(runs: BoolArray) -> float:
    """Return the variance of the mean accuracy of the runs due to seeds, s^2 / S; NaN for one run."""
    return float(runs.mean(axis=1).var(ddof=1)) / len(runs) if len(runs) > 1 else math.nan


def compute_noise_variance(runs: BoolArray) -> float:
    """Return the variance of an image's mean correctness due to noise of single runs, w / S."""
    images = runs.shape[1]
    within = float(runs.var(axis=0, ddof=1).mean()) / len(runs)
    return (within - _compute_seed_variance(runs)) * float(images / (images - 1))
