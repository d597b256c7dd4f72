"""Whether two networks differ on the images that both were shown (McNemar 1947)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt
from scipy.special import bdtr

from foveal.stats.correctness import same_images


@dataclass(frozen=True)
class McNemar:
    """Images that only one of the two networks gets right, and the two-sided exact p-value."""

    only_variant: int
    only_baseline: int
    p_value: float


def mcnemar(correct: npt.ArrayLike, baseline_correct: npt.ArrayLike) -> McNemar:
    """Test two networks, not two methods, on the same N images, each an array (N,) of bool.

    Without a difference each of the b + c images that only one gets right is either's with chance
    1/2, so p = min(1, 2 P(X <= min(b, c))) with X binomial (b + c, 1/2): the exact form of McNemar
    (1947). Without such images p is 1.

    >>> mcnemar([True, True, True, False], [True, False, False, False])
    McNemar(only_variant=2, only_baseline=0, p_value=0.5)
    """
    right, baseline_right = same_images(correct, baseline_correct, dimensions=1)
    b, c = int((right & ~baseline_right).sum()), int((~right & baseline_right).sum())
    return McNemar(b, c, min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))))
