"""Group-sequential comparisons: looks at planned numbers of seeds, at an error rate that is kept.

At each look the rule of `foveal.stats.verdict` is applied with the two intervals at the levels of that look: D,
the Welch interval at level 1 - p, and E, the Welch interval at level 1 - 2e. A comparison stops at the first
verdict other than undecided, which is final, and at the last look. The intervals D of all looks together cover
the true difference at the promised level (repeated confidence intervals, Jennison and Turnbull 1989), so that
the interval shown after a stop holds. The estimate after an early stop is biased away from 0.

A comparison may also stop because a verdict has become unlikely. That is never a verdict, so it raises no error
rate (non-binding futility).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from foveal.errors import bad_parameter
from foveal.stats.decision import ALPHA, Verdict, choose_verdict
from foveal.stats.spending import compute_boundaries, spend_alpha
from foveal.stats.welch import WelchTest, compute_average_sd, run_welch_test
from foveal.validation import require_int, require_positive_int, require_strictly_between

Stop = Literal["verdict", "unlikely", "last look"]

LOOKS: Final = (4, 5, 6, 8, 10, 14, 20)
"""Numbers of seeds at which a study looks, if they are below its maximum."""
MIN_MAX_SEEDS: Final = LOOKS[0]
MIN_CHANCE_OF_VERDICT: Final = 0.1
"""Predictive chance of any verdict at the last look below which a comparison may stop."""
# Seeds per variant; with fewer, the standard deviation is too uncertain to predict from.
FIRST_CHANCE: Final = 5


@dataclass(frozen=True)
class SequentialDesign:
    """Looks of a comparison and their nominal levels.

    `looks` are numbers of seeds per variant, `alpha` is the error rate of one comparison over all looks,
    `difference_levels` are the two-sided levels p of the intervals D, and `equivalence_levels` the one-sided
    levels e of the intervals E. `stops_when_unlikely` is whether a comparison also stops where a verdict by the
    last look has become unlikely.
    """

    looks: tuple[int, ...]
    alpha: float
    difference_levels: tuple[float, ...]
    equivalence_levels: tuple[float, ...]
    stops_when_unlikely: bool = True

    @property
    def max_seeds(self) -> int:
        """Number of seeds per variant at the last look."""
        return self.looks[-1]

    def compute_half_width(self, look: int, sd: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return half of the interval D at a look if both standard deviations are `sd`.

        `look` is the index in `looks`.
        """
        return _compute_half_width(self.looks[look], self.difference_levels[look] / 2, sd)


@dataclass(frozen=True)
class LookResult:
    """Result of a comparison at one look, from the first `seeds` runs of both variants.

    `interval` is D and `equivalence_interval` is E. `chance_of_verdict` is the predictive chance of any verdict
    at the last look; None where it is not computed, which is before 5 seeds and at the last look.
    """

    seeds: int
    difference: float
    interval: tuple[float, float]
    equivalence_interval: tuple[float, float]
    verdict: Verdict
    chance_of_verdict: float | None = None


@dataclass(frozen=True)
class SequentialResult:
    """Looks that a comparison has had, up to the one at which it stopped.

    `stop` is why it stopped: "verdict"; "unlikely", because a verdict by the last look had become unlikely;
    "last look", where it ended undecided; or None while it goes on, and then `next_look` is the number of seeds
    that it needs.
    """

    looks: tuple[LookResult, ...]
    stop: Stop | None
    next_look: int | None

    @property
    def verdict(self) -> Verdict:
        """The verdict of the last look that was had; undecided before the first."""
        return self.looks[-1].verdict if self.looks else "undecided"


def choose_looks(max_seeds: int) -> tuple[int, ...]:
    """Return the numbers of seeds at which a study with up to `max_seeds` looks.

    Raises:
        UsageError: `max_seeds` is below 4: there would be one look, and nothing to stop for.
    """
    require_int("max_seeds", max_seeds, minimum=MIN_MAX_SEEDS)
    return (*(look for look in LOOKS if look < max_seeds), max_seeds)


@lru_cache(maxsize=32)
def plan_looks(
    max_seeds: int,
    *,
    comparisons: int = 1,
    alpha: float = ALPHA,
    stops_when_unlikely: bool = True,
) -> SequentialDesign:
    """Return the design with up to `max_seeds` per variant, for one of `comparisons` that share `alpha`.

    The looks are at 4, 5, 6, 8, 10, 14 and 20 seeds where these are below the maximum, and at the maximum.

    >>> plan_looks(12).looks
    (4, 5, 6, 8, 10, 12)
    """
    require_positive_int("comparisons", comparisons)
    require_strictly_between("alpha", alpha, 0, 0.5)
    looks = choose_looks(max_seeds)
    share = alpha / comparisons
    spent = spend_alpha(looks, alpha=share)
    two_sided, one_sided = (compute_boundaries(looks, spent, sides=sides) for sides in (2, 1))
    return SequentialDesign(
        looks,
        share,
        tuple(float(2 * ndtr(-boundary)) for boundary in two_sided),
        tuple(float(ndtr(-boundary)) for boundary in one_sided),
        stops_when_unlikely,
    )


def run_sequential_test(
    values: Sequence[float],
    baseline: Sequence[float],
    *,
    design: SequentialDesign,
    margin: float,
    test_images: int | None = None,
    has_learned: Callable[[int], bool] | None = None,
) -> SequentialResult:
    """Apply the design to the values of a variant and of its baseline, in the order of their seeds.

    Values beyond the look at which the comparison stopped, and beyond the last look that both have reached,
    do not count.

    Args:
        values: outcomes of the variant, one per seed, larger is better.
        baseline: outcomes of the baseline.
        design: looks and levels, such as `plan_looks` returns.
        margin: largest difference that counts as equivalent; 0 if none does.
        test_images: bounds the standard error as in `run_welch_test`.
        has_learned: called with a number of seeds; returns False if the first so many runs of both are not
            better than guessing. Then there is no verdict, and none is likely.

    >>> design = plan_looks(10)
    >>> run_sequential_test([.80, .81, .80, .82], [.70, .71, .70, .70], design=design, margin=.01).stop
    'verdict'
    """
    if not margin >= 0:
        raise bad_parameter("margin", "0 or more", margin)
    available = min(len(values), len(baseline))
    results: list[LookResult] = []
    for index, seeds in enumerate(design.looks):
        if seeds > available:
            return SequentialResult(tuple(results), None, seeds)
        test = run_welch_test(values[:seeds], baseline[:seeds], test_images=test_images)
        sd = compute_average_sd(values[:seeds], baseline[:seeds])
        result = _look(test, design, index, margin, sd)
        if has_learned is not None and not has_learned(seeds):
            chance = None if result.chance_of_verdict is None else 0.0
            result = replace(result, verdict="undecided", chance_of_verdict=chance)
        results.append(result)
        if result.verdict != "undecided":
            return SequentialResult(tuple(results), "verdict", None)
        chance = result.chance_of_verdict
        if design.stops_when_unlikely and chance is not None and chance < MIN_CHANCE_OF_VERDICT:
            return SequentialResult(tuple(results), "unlikely", None)
    return SequentialResult(tuple(results), "last look", None)


def _look(
    test: WelchTest, design: SequentialDesign, index: int, margin: float, sd: float
) -> LookResult:
    """Return the result of one look."""
    if test.standard_error == 0:  # nothing is known about other seeds
        no_interval = (math.nan, math.nan)
        return LookResult(
            design.looks[index], test.difference, no_interval, no_interval, "undecided"
        )
    interval = test.compute_interval(1 - design.difference_levels[index])
    equivalence_interval = test.compute_interval(1 - 2 * design.equivalence_levels[index])
    verdict, _ = choose_verdict(interval, equivalence_interval, margin)
    chance = None
    if design.looks[index] >= FIRST_CHANCE and index < len(design.looks) - 1:
        chance = float(
            compute_chance_of_verdict(test.difference, sd, design=design, look=index, margin=margin)
        )
    return LookResult(
        design.looks[index], test.difference, interval, equivalence_interval, verdict, chance
    )


def compute_chance_of_verdict(
    difference: npt.ArrayLike,
    sd: npt.ArrayLike,
    *,
    design: SequentialDesign,
    look: int,
    margin: float,
) -> npt.NDArray[np.float64]:
    """Return the predictive chance of any verdict at the last look, given a look.

    Given the difference D at n seeds, that at N seeds is taken as N(D, 2 sd^2 (1/n - 1/N)). There will be a
    verdict if it is farther from 0 than half of the last interval D, or closer than the margin less half of the
    last interval E, both at `sd`.

    Args:
        difference: difference of the means at this look; a number or an array.
        sd: root mean square of the two standard deviations at this look, of the same shape.
        design: looks and levels.
        look: index of this look in `design.looks`, not the last.
        margin: largest difference that counts as equivalent.
    """
    center, spread = np.abs(np.asarray(difference, float)), np.asarray(sd, float)
    seeds, last = design.looks[look], design.looks[-1]
    half_width = design.compute_half_width(-1, spread)
    equivalence_half_width = _compute_half_width(last, design.equivalence_levels[-1], spread)
    inner = np.clip(margin - equivalence_half_width, 0, half_width)
    scale = np.maximum(spread * math.sqrt(2 * (1 / seeds - 1 / last)), np.finfo(float).tiny)
    above, below = ndtr((center - half_width) / scale), ndtr((-half_width - center) / scale)
    between = ndtr((inner - center) / scale) - ndtr((-inner - center) / scale)
    return np.asarray(above + below + between)


def _compute_half_width(seeds: int, tail: float, sd: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return half of Welch's interval with `tail` above it, for equal standard deviations."""
    error = np.asarray(sd, float) * math.sqrt(2 / seeds)
    return np.asarray(stdtrit(2 * seeds - 2, 1 - tail) * error)
