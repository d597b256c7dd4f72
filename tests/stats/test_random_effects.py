"""Summaries by random effects against statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects as combine_by_statsmodels

from foveal.errors import UsageError
from foveal.stats.random_effects import combine_effects


@pytest.mark.parametrize("count", [5, 8, 20])
@pytest.mark.parametrize("spread", [0.3, 2.0])
@pytest.mark.parametrize("level", [0.95, 0.9875])
def test_paule_mandel_with_hartung_and_knapp(count: int, spread: float, level: float) -> None:
    rng = np.random.default_rng(count)
    errors = rng.uniform(0.05, 0.4, count)
    effects = rng.normal(1.0, spread, count) + rng.normal(0, errors)
    result = combine_by_statsmodels(
        effects, errors**2, method_re="iterated", alpha=1 - level, atol=1e-14
    )
    assert result.tau2 > 0
    summary = combine_effects(effects.tolist(), errors.tolist(), level=level)
    low, high = result.conf_int(alpha=1 - level, use_t=True)[
        3
    ]  # fixed, random, and both with a scale
    assert summary.sd == pytest.approx(math.sqrt(result.tau2), rel=1e-6)
    assert summary.mean == pytest.approx(result.mean_effect_re, rel=1e-9)
    assert summary.interval == pytest.approx((low, high), rel=1e-6)
    error = result.sd_eff_w_re_hksj
    half = stats.t.ppf((1 + level) / 2, count - 2) * math.sqrt(result.tau2 + error**2)
    assert summary.prediction_interval == pytest.approx(
        (summary.mean - half, summary.mean + half), rel=1e-6
    )


def test_equal_effects_have_no_spread_and_no_narrower_interval() -> None:
    effects, errors = [1.0, 1.01, 0.99, 1.0, 1.0, 1.02], [0.5] * 6
    summary = combine_effects(effects, errors)
    assert summary.sd == 0
    half = stats.t.ppf(0.975, 5) * 0.5 / math.sqrt(6)
    mean = float(np.mean(effects))
    assert summary.interval == pytest.approx((mean - half, mean + half))
    assert summary.prediction_interval[1] - summary.prediction_interval[0] > 2 * half


def test_intervals_cover_the_mean_and_another_data_set() -> None:
    rng = np.random.default_rng(3)
    covered = np.zeros(2)
    for _ in range(2000):
        true = rng.normal(1.0, 0.5, 9)
        errors = rng.uniform(0.1, 0.4, 8)
        summary = combine_effects((true[:8] + rng.normal(0, errors)).tolist(), errors.tolist())
        covered += [
            low < value < high
            for (low, high), value in (
                (summary.interval, 1.0),
                (summary.prediction_interval, true[8]),
            )
        ]
    assert covered / 2000 == pytest.approx([0.95, 0.95], abs=0.02)


def test_summaries_refuse_what_they_cannot_combine() -> None:
    with pytest.raises(UsageError, match="at least 3 effects"):
        combine_effects([1.0, 2.0], [0.1, 0.1])
    with pytest.raises(UsageError, match="above 0"):
        combine_effects([1.0, 2.0, 3.0], [0.1, 0.0, 0.1])
