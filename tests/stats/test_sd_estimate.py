"""Standard deviation of several samples: closed forms, and how often its interval covers."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foveal.errors import UsageError
from foveal.stats import estimate_sd


@pytest.mark.parametrize(("samples", "values"), [(1, 4), (2, 3), (5, 5)])
def test_equal_variances_have_all_degrees_of_freedom(samples: int, values: int) -> None:
    sample = np.random.default_rng(0).normal(size=values)
    estimate = estimate_sd([sample + 10 * shift for shift in range(samples)])
    freedom = samples * (values - 1)
    assert estimate.sd == pytest.approx(sample.std(ddof=1))
    assert estimate.degrees_of_freedom == pytest.approx(freedom)
    ends = [estimate.sd * np.sqrt(freedom / scipy_stats.chi2.ppf(p, freedom)) for p in (0.95, 0.05)]
    assert (estimate.low, estimate.high) == pytest.approx(ends)


def test_factors_of_three_seeds_are_those_of_the_audit() -> None:
    """The number of seeds needed follows the variance: from 0.42 to 5.6 times the estimate."""
    estimate = estimate_sd([[0.0, 1.5, 3.0], [1.5, 3.0, 4.5]])
    assert estimate.sd == pytest.approx(1.5)
    assert (estimate.low / 1.5) ** 2 == pytest.approx(0.42, abs=0.005)
    assert (estimate.high / 1.5) ** 2 == pytest.approx(5.63, abs=0.005)


def test_a_sample_that_varies_alone_counts_alone() -> None:
    estimate = estimate_sd([[0.0, 2.0, 4.0], [7.0] * 9])
    assert estimate.sd == pytest.approx(np.sqrt(4 / 2))
    assert estimate.degrees_of_freedom == pytest.approx(2)


@pytest.mark.parametrize("sds", [(1.0,), (1.0, 1.0), (1.0, 2.0), (0.3, 0.3, 1.2)])
def test_the_interval_covers(sds: tuple[float, ...]) -> None:
    generator = np.random.default_rng(len(sds))
    truth, rounds, covered = np.sqrt(np.mean(np.square(sds))), 2000, 0
    for _ in range(rounds):
        estimate = estimate_sd([sd * generator.normal(size=5) for sd in sds])
        covered += estimate.low <= truth <= estimate.high
    assert 0.87 <= covered / rounds <= 0.93


def test_equal_values_have_no_deviation() -> None:
    estimate = estimate_sd([[1.0] * 3, [2.0] * 4])
    assert (estimate.sd, estimate.low, estimate.high) == (0, 0, 0)
    assert estimate.degrees_of_freedom == 5


@pytest.mark.parametrize("samples", [[], [[1.0]], [[1.0, 2.0], [3.0]], [[1.0, np.nan]]], ids=str)
def test_refuses_samples_without_a_deviation(samples: list[list[float]]) -> None:
    with pytest.raises(UsageError, match="`samples` should be"):
        estimate_sd(samples)
