"""Standard deviation from run to run, estimated from several variants, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from foveal.errors import bad_parameter
from foveal.validation import require_strictly_between


@dataclass(frozen=True)
class SdEstimate:
    """Root mean square of the standard deviations of several samples, and its interval (`low`, `high`)."""

    sd: float
    low: float
    high: float
    degrees_of_freedom: float


def estimate_sd(samples: Sequence[npt.ArrayLike], *, level: float = 0.9) -> SdEstimate:
    """Estimate the standard deviation that enters the difference of two means of equally many runs.

    The interval is that of chi-square with Satterthwaite's degrees of freedom (1946),
    (sum v)^2 / sum(v^2 / (n - 1)), because samples may differ in their variances v. With equal variances
    and n values each these are k (n - 1) for k samples.

    Args:
        samples: values of each sample, at least two.
        level: level of the interval.

    >>> estimate = estimate_sd([[1.0, 3.0, 2.0], [12.0, 11.0, 13.0]])
    >>> estimate.sd, round(estimate.low, 2), round(estimate.high, 2), estimate.degrees_of_freedom
    (1.0, 0.65, 2.37, 4.0)
    """
    values = [np.asarray(sample, dtype=np.float64) for sample in samples]
    if not values or min(sample.size for sample in values) < 2:
        raise bad_parameter("samples", "samples of at least two values", samples)
    variances = np.array([sample.var(ddof=1) for sample in values])
    freedom = np.array([sample.size - 1 for sample in values], dtype=np.float64)
    if not np.isfinite(variances).all():
        raise bad_parameter("samples", "finite values", samples)
    sd, total = math.sqrt(variances.mean()), float(variances.sum())
    satterthwaite = total**2 / (variances**2 / freedom).sum() if total else freedom.sum()
    low, high = compute_sd_interval(sd, degrees_of_freedom=float(satterthwaite), level=level)
    return SdEstimate(sd, low, high, float(satterthwaite))


def compute_sd_interval(
    sd: float, *, degrees_of_freedom: float, level: float = 0.9
) -> tuple[float, float]:
    """Return the interval of the true standard deviation, given its estimate, by chi-square.

    >>> tuple(round(end, 2) for end in compute_sd_interval(1.5, degrees_of_freedom=4))
    (0.97, 3.56)
    """
    require_strictly_between("level", level, 0, 1)
    if not degrees_of_freedom > 0:
        raise bad_parameter("degrees_of_freedom", "positive", degrees_of_freedom)
    tails = chdtri(degrees_of_freedom, [(1 - level) / 2, (1 + level) / 2])
    low, high = (sd * math.sqrt(degrees_of_freedom / tail) for tail in tails)
    return low, high
