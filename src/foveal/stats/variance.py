"""Where the doubt about a difference of accuracies comes from: the seeds, or the finite test set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.errors import bad_parameter
from foveal.stats.correctness import BoolArray, same_images


@dataclass(frozen=True)
class VarianceSplit:
    """Standard errors of the difference of means, fractions of 1: by other seeds, by other images."""

    seeds: float
    images: float


def variance_split(correct: npt.ArrayLike, baseline_correct: npt.ArrayLike) -> VarianceSplit:
    """Split the standard error of the difference of mean correctness, arms (S, N) and (S', N).

    seeds = sqrt(s^2 / S + s'^2 / S') with s the standard deviation of a run's accuracy: Welch's;
    images = sqrt((v - e) / N) with v the variance over images of the difference of the arms' means,
    and e = sum over arms of w / S, the part of v that is noise of one run on one image. By the two-way
    analysis of variance w = (mean_n(var_s) - s^2) N / (N - 1): what a whole run is better or worse by
    moves all images alike, and so is in mean_n(var_s) but not in v.

    With one run in an arm the seeds' part is NaN, and of that arm nothing is taken from v.

    >>> right = [[True, True, False, False], [True, True, True, False]]
    >>> variance_split(right, right)
    VarianceSplit(seeds=0.1767766952966369, images=0.0)
    """
    arms = same_images(correct, baseline_correct)
    a, b = (arm.mean(axis=0) for arm in arms)
    if a.size < 2:
        raise bad_parameter("correct", "about at least 2 images", np.shape(correct))
    noise = sum(noise_variance(arm) for arm in arms if len(arm) > 1)
    of_images = max(0.0, float(np.var(a - b, ddof=1)) - noise) / a.size
    of_seeds = sum(run_variance(arm) for arm in arms)
    return VarianceSplit(math.sqrt(of_seeds), math.sqrt(of_images))


def run_variance(arm: BoolArray) -> float:
    """Return the variance of an arm's mean accuracy by its seeds, s^2 / S; NaN for one run."""
    return float(arm.mean(axis=1).var(ddof=1)) / len(arm) if len(arm) > 1 else math.nan


def noise_variance(arm: BoolArray) -> float:
    """Return the variance of an image's mean correctness by what single runs do to it, w / S."""
    images = arm.shape[1]
    within = float(arm.var(axis=0, ddof=1).mean()) / len(arm)
    return (within - run_variance(arm)) * float(images / (images - 1))
