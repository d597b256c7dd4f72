"""The slope and its two-way variance: statsmodels, closed forms, and how often the interval covers."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from scipy import stats as scipy_stats
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

from foveal import stats
from foveal.errors import UsageError
from foveal.stats import TwoWaySlope

FloatArray = npt.NDArray[np.float64]

# Standard deviations of what a seed shares (and five times that of its slope), of what an image
# shares, and of the rest: pure noise, mostly images, seeds, and mixtures.
KINDS = [
    (0, 0, 0.4), (0, 0.3, 0.4), (0.02, 0, 0.4), (0.005, 0.2, 0.4), (0.02, 0.3, 0.4),
    (0.1, 0.3, 0.1), (0.002, 0.02, 0.4),
]  # fmt: skip
TRUE = -0.3


def simulated(
    generator: np.random.Generator, seeds: int, images: int, kind: tuple[float, float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return gains and a skewed covariate with slope -0.3; the spread grows with the covariate."""
    of_seed, of_image, of_both = kind
    x = generator.beta(2, 5, images)
    centered = x - 2 / 7
    spread = np.exp(2 * centered)
    level, tilt = of_seed * generator.normal(size=(2, seeds, 1))
    shared = of_image * spread * generator.normal(size=images)
    rest = of_both * spread * generator.normal(size=(seeds, images))
    return TRUE * centered + level + 5 * tilt * centered + shared + rest, x


def swept(generator: np.random.Generator, seeds: int, images: int) -> tuple[Any, Any, Any]:
    """Return gains of the same images in three cells, the covariate, and the images."""
    x, which = np.repeat([0.25, 0.4, 0.6], images), np.tile(np.arange(images), 3)
    of_image = generator.normal(size=images)[which] * (1 + x)
    return of_image * x + generator.normal(size=(seeds, x.size)) * x, x, which


@pytest.mark.parametrize(("seeds", "images"), [(2, 5), (3, 40), (7, 11)])
@pytest.mark.parametrize("sweep", [False, True])
def test_it_is_that_of_statsmodels(seeds: int, images: int, sweep: bool) -> None:
    generator = np.random.default_rng(seeds * images)
    gains, x = simulated(generator, seeds, images, KINDS[4])
    labels = np.arange(images)
    if sweep:
        gains, x, labels = swept(generator, seeds, images)
    found = stats.fit_two_way_slope(gains, x, images=labels)
    model = sm.OLS(gains.ravel(), sm.add_constant(np.tile(x, seeds)))
    of_seed, of_image = np.repeat(np.arange(seeds), x.size), np.tile(labels, seeds)
    assert found.slope == pytest.approx(model.fit().params[1], rel=1e-8)
    for groups, mine in (
        (of_seed, found.seed_variance),
        (of_image, found.image_variance),
        (of_seed * len(labels) + of_image, found.cell_variance),
    ):
        theirs = model.fit(cov_type="cluster", cov_kwds={"groups": groups})
        assert mine == pytest.approx(theirs.bse[1] ** 2, rel=1e-8)
    two_way, *_ = cov_cluster_2groups(model.fit(), of_seed, of_image)
    mine = found.seed_variance + found.image_variance - found.cell_variance
    assert mine == pytest.approx(two_way[1, 1], rel=1e-8)
    expected = max(two_way[1, 1], found.seed_variance, found.image_variance)
    assert found.standard_error == pytest.approx(math.sqrt(expected), rel=1e-8)


def test_over_seeds_alone_it_is_the_interval_of_their_slopes() -> None:
    """Without what images share, the seeds' part is the t interval of the mean of their slopes."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=30)
    slopes = np.array([0.1, 0.4, -0.2, 0.3])
    gains = slopes[:, None] * (x - x.mean()) + np.array([[0.0], [0.5], [1.0], [-1.0]])
    found = stats.fit_two_way_slope(gains, x)
    n = gains.size
    assert found.slope == pytest.approx(slopes.mean())
    assert found.seed_variance == pytest.approx(slopes.var(ddof=1) / 4 * (n - 1) / (n - 2))
    low, high = found.compute_interval(0.975)
    error = math.sqrt(slopes.var(ddof=1) / 4 * (n - 1) / (n - 2))
    expected = scipy_stats.t.ppf(0.9875, 3) * error
    assert found.image_variance < found.cell_variance
    assert (high - low) / 2 == pytest.approx(expected)


def test_equal_seeds_leave_the_doubt_of_the_images() -> None:
    """Two seeds that agree are one row: White's variance, by t of the images."""
    generator = np.random.default_rng(1)
    x, row = generator.random(25), generator.normal(size=25)
    found = stats.fit_two_way_slope([row, row], x)
    white = sm.OLS(row, sm.add_constant(x)).fit(
        cov_type="cluster", cov_kwds={"groups": np.arange(25)}
    )
    rows = (49 / 48) / (24 / 23)  # (n - 1) / (n - 2) with 50 gains and with 25
    assert found.seed_variance == pytest.approx(0, abs=1e-25)
    assert found.image_variance == pytest.approx(white.bse[1] ** 2 * rows)
    low, high = found.compute_interval(0.95)
    expected = scipy_stats.t.ppf(0.975, 24) * math.sqrt(found.image_variance)
    assert (high - low) / 2 == pytest.approx(expected)


@pytest.mark.parametrize(
    ("by_seeds", "by_images", "by_both", "square"),
    [
        (4.0, 0.5, 1.0, 10 * 4.0),  # nothing of the images is beyond noise
        (4.0, 3.0, 1.0, 10 * 4.0 + 4 * 2.0),
        (0.1, 3.0, 2.0, 4 * 3.0),  # never below the images alone
    ],
)
def test_each_part_has_its_own_quantile(
    by_seeds: float, by_images: float, by_both: float, square: float
) -> None:
    # The level at which z is 2 and t^2 of 2 degrees about 21: both are scaled out by the parts.
    level = 2 * float(scipy_stats.t.cdf(2, 10**9)) - 1
    scale = 10 / float(scipy_stats.t.ppf((1 + level) / 2, 2)) ** 2
    found = TwoWaySlope(1.0, 3, 10**9, scale * by_seeds, by_images, by_both)
    low, high = found.compute_interval(level)
    assert (low + high) / 2 == pytest.approx(1.0)
    assert (high - low) / 2 == pytest.approx(math.sqrt(square))


def test_covariate_of_each_seed_is_that_of_statsmodels() -> None:
    generator = np.random.default_rng(3)
    x = generator.random((3, 20))
    gains = 0.5 * x + generator.normal(size=x.shape)
    found = stats.fit_two_way_slope(gains, x)
    model = sm.OLS(gains.ravel(), sm.add_constant(x.ravel()))
    of_seed, of_image = np.repeat(np.arange(3), 20), np.tile(np.arange(20), 3)
    two_way, *_ = cov_cluster_2groups(model.fit(), of_seed, of_image)
    mine = found.seed_variance + found.image_variance - found.cell_variance
    assert found.slope == pytest.approx(model.fit().params[1], rel=1e-8)
    assert mine == pytest.approx(two_way[1, 1], rel=1e-8)


def simulated_errors(
    generator: np.random.Generator, seeds: int, images: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return gains, a covariate and errors of the baseline, which are more frequent where x is large.

    The variant removes the share 0.3 + TRUE (x - 2 / 7) of the errors, net of those that it adds.
    """
    x = generator.beta(2, 5, images)
    rate = np.clip(0.1 + 0.8 * x + 0.05 * generator.normal(size=images), 0.02, 0.95)
    tilt = 0.03 * generator.normal(size=(2, seeds, 1))
    error = generator.random((seeds, images)) < rate + tilt[0]
    removed = 0.3 + TRUE * (x - 2 / 7)
    left = generator.random((seeds, images)) < rate * (1 - removed) + (1 - removed) * tilt[1]
    return error.astype(float) - left, x, error.astype(float)


def test_slope_per_error_solves_its_equations() -> None:
    gains, x, errors = simulated_errors(np.random.default_rng(0), 4, 50)
    found = stats.fit_two_way_slope(gains, x, errors=errors)
    ones = np.stack([np.ones_like(gains), np.broadcast_to(x, gains.shape)])
    matrix = np.einsum("isk,jsk,sk->ij", ones, ones, errors)
    inverse = np.linalg.inv(matrix)
    a, b = inverse @ np.einsum("isk,sk->i", ones, gains)
    assert found.slope == pytest.approx(b)
    # The sandwich, written out: one sum of scores per cluster.
    scores = np.einsum("isk,sk->isk", ones, gains - (a + b * x) * errors)
    n = gains.size
    for sums, mine in (
        (scores.sum(2), found.seed_variance),
        (scores.sum(1), found.image_variance),
        (scores.reshape(2, -1), found.cell_variance),
    ):
        clusters = sums.shape[1]
        meat = sum(np.outer(one, one) for one in sums.T)
        correction = clusters / (clusters - 1) * (n - 1) / (n - 2)
        assert mine == pytest.approx(correction * (inverse @ meat @ inverse)[1, 1])


def test_slope_per_error_of_two_values_is_the_difference_of_shares() -> None:
    gains, _, errors = simulated_errors(np.random.default_rng(1), 3, 40)
    x = np.repeat([0.25, 0.55], 20)
    low, high = (gains[:, half].sum() / errors[:, half].sum() for half in (x < 0.4, x > 0.4))
    found = stats.fit_two_way_slope(gains, x, errors=errors)
    assert 0.3 * found.slope == pytest.approx(high - low)


def test_a_constant_share_of_more_errors_has_no_slope_per_error() -> None:
    x = np.arange(1.0, 11.0)
    errors = np.tile(x, (3, 1))
    assert stats.fit_two_way_slope(errors / 2, x).slope == pytest.approx(0.5)
    found = stats.fit_two_way_slope(errors / 2, x, errors=errors)
    assert found.slope == pytest.approx(0)
    assert found.compute_interval(0.95) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_interval_per_error_covers(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    rounds, covered = 600, 0
    for _ in range(rounds):
        gains, x, errors = simulated_errors(generator, seeds, 400)
        low, high = stats.fit_two_way_slope(gains, x, errors=errors).compute_interval(0.95)
        covered += low <= TRUE <= high
    assert 0.93 <= covered / rounds <= 0.995


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (np.zeros((2, 3)), "`errors` should be positive at different values"),
        (np.array([[1, 0, 0], [1, 0, 0]]), "`errors` should be positive at different values"),
        (-np.ones((2, 3)), r"`errors` should be 0 or more, of shape \(2, 3\)"),
        (np.full((2, 3), math.nan), "`errors` should be 0 or more"),
        (np.ones(3), "`errors` should be 0 or more"),
    ],
)
def test_errors_that_give_no_slope_are_refused(errors: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        stats.fit_two_way_slope(np.zeros((2, 3)), [1, 2, 3], errors=errors)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_covers(seeds: int) -> None:
    generator = np.random.default_rng(seeds)
    rounds = 1000
    for kind in (KINDS[0], KINDS[1], KINDS[4], KINDS[5]):
        covered = 0
        for _ in range(rounds):
            gains, x = simulated(generator, seeds, 400, kind)
            low, high = stats.fit_two_way_slope(gains, x).compute_interval(0.95)
            covered += low <= TRUE <= high
        assert 0.935 <= covered / rounds <= 0.99, kind


def test_one_seed_has_a_slope_and_no_interval() -> None:
    found = stats.fit_two_way_slope([[1.0, 2.0, 3.0]], [0.0, 1.0, 2.0])
    assert found.slope == pytest.approx(1.0)
    assert math.isnan(found.standard_error)
    assert all(map(math.isnan, found.compute_interval(0.95)))


def test_without_any_spread_the_interval_is_a_point() -> None:
    found = stats.fit_two_way_slope(np.zeros((3, 4)), [0.0, 1.0, 2.0, 5.0])
    assert found.compute_interval(0.95) == (0.0, 0.0)


def test_images_by_default_all_differ() -> None:
    gains, x = simulated(np.random.default_rng(2), 3, 9, KINDS[4])
    found, same, other = (
        stats.fit_two_way_slope(gains, x, images=images)
        for images in (None, np.arange(9)[::-1], np.arange(9) // 3)
    )
    assert found.image_variance == pytest.approx(same.image_variance)
    assert (found.images, other.images) == (9, 3)


@pytest.mark.parametrize(
    ("gains", "covariate", "images", "said"),
    [
        (np.zeros((2, 3)), [1, 1, 1], None, "`covariate` should be at least 3 numbers"),
        (np.zeros((2, 2)), [1, 2], None, "`covariate` should be at least 3 numbers"),
        (np.zeros((2, 3)), [1, 2, math.nan], None, "`covariate` should be"),
        (np.zeros((2, 3)), [[1, 2, 3]], None, "`covariate` should be"),
        (np.zeros((2, 4)), [1, 2, 3], None, r"`gains` should be finite, of shape \(seeds, 3\)"),
        (np.zeros((0, 3)), [1, 2, 3], None, "`gains` should be"),
        (np.full((2, 3), math.nan), [1, 2, 3], None, "`gains` should be"),
        (np.zeros((2, 3)), [1, 2, 3], [0, 0, 0], "of at least 2 images"),
        (np.zeros((2, 3)), [1, 2, 3], [0, 1], r"`images` should be of shape \(3,\)"),
    ],
)
def test_what_has_no_slope_is_refused(gains: Any, covariate: Any, images: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        stats.fit_two_way_slope(gains, covariate, images=images)


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(UsageError, match="`level` should be between 0 and 1"):
        TwoWaySlope(0.0, 3, 10, 1.0, 1.0, 1.0).compute_interval(level)
