"""The exact McNemar test against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as theirs

from foveal import stats
from foveal.errors import UsageError


@pytest.mark.parametrize("images", [1, 10, 500, 10_000])
@pytest.mark.parametrize("better", [0.0, 0.02, 0.3])
def test_is_that_of_statsmodels(images: int, better: float) -> None:
    generator = np.random.default_rng(images)
    correct = generator.random(images) < 0.7 + better
    baseline_correct = generator.random(images) < 0.7
    found = stats.run_mcnemar_test(correct, baseline_correct)
    table = [
        [int((correct & baseline_correct).sum()), int((correct & ~baseline_correct).sum())],
        [int((~correct & baseline_correct).sum()), int((~correct & ~baseline_correct).sum())],
    ]
    expected = theirs(table, exact=True)
    assert (found.only_variant, found.only_baseline) == (table[0][1], table[1][0])
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-6)


def test_equal_networks_cannot_be_told_apart() -> None:
    right = np.array([True, False, True])
    assert stats.run_mcnemar_test(right, right) == stats.McNemarTest(0, 0, 1.0)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((1, 3), (1, 3)), ((0,), (0,))])
def test_needs_the_same_images(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match="Parameter `correct` should be"):
        stats.run_mcnemar_test(np.ones(shapes[0], bool), np.ones(shapes[1], bool))
