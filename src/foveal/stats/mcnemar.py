"""Exact McNemar test of two networks on the same images (McNemar 1947)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt
from scipy.special import bdtr

from foveal.stats.correctness import require_correctness_arrays


@dataclass(frozen=True)
class McNemarTest:
    """Numbers of images that only one of two networks classifies correctly, and the exact two-sided p-value."""

    only_variant: int
    only_baseline: int
    p_value: float


def run_mcnemar_test(correct: npt.ArrayLike, baseline_correct: npt.ArrayLike) -> McNemarTest:
    """Test two networks, not two methods, on the same N images; both arrays are bool (N,).

    Without a difference, each of the b + c images that only one network classifies correctly belongs to
    either network with probability 1/2. So p = min(1, 2 P(X <= min(b, c))) with X binomial (b + c, 1/2): the
    exact form of McNemar (1947). Without such images p is 1.

    >>> run_mcnemar_test([True, True, True, False], [True, False, False, False])
    McNemarTest(only_variant=2, only_baseline=0, p_value=0.5)
    """
    variant, baseline = require_correctness_arrays(correct, baseline_correct, dimensions=1)
    b, c = int((variant & ~baseline).sum()), int((~variant & baseline).sum())
    return McNemarTest(b, c, min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))))
