"""Two one-sided tests against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_ind

from foveal import stats
from foveal.errors import UsageError


@pytest.mark.parametrize("alpha", [0.05, 0.0125])
@pytest.mark.parametrize("apart", [-0.02, -0.005, 0.0, 0.004, 0.01])
@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (5, 8), (20, 4)])
def test_is_that_of_statsmodels(sizes: tuple[int, int], apart: float, alpha: float) -> None:
    generator = np.random.default_rng(sum(sizes))
    a = generator.normal(0.8 + apart, 0.005, sizes[0])
    b = generator.normal(0.8, 0.002, sizes[1])
    found = stats.run_equivalence_test(a, b, margin=0.01, alpha=alpha)
    expected, _, _ = ttost_ind(a, b, -0.01, 0.01, usevar="unequal")
    assert found.p_value == pytest.approx(expected, abs=1e-6)
    assert found.is_equivalent == (expected < alpha)
    assert found.interval == stats.run_welch_test(a, b).compute_interval(1 - 2 * alpha)


@pytest.mark.parametrize(
    ("difference", "p_value", "equivalent"),
    [(0.25, 0.0, True), (0.5, 1.0, False), (-0.5, 1.0, False), (0.75, 1.0, False)],
)
def test_without_spread_only_the_inside_is_equivalent(
    difference: float, p_value: float, equivalent: bool
) -> None:
    found = stats.run_equivalence_test([1 + difference] * 3, [1.0] * 3, margin=0.5)
    assert (found.p_value, found.is_equivalent) == (p_value, equivalent)


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (0.1, 0.5)])
def test_refuses_a_margin_or_a_level_without_a_test(margin: float, alpha: float) -> None:
    with pytest.raises(UsageError, match=r"Parameter `(margin|alpha)` should be"):
        stats.run_equivalence_test([0.7, 0.8], [0.7, 0.8], margin=margin, alpha=alpha)
