"""Self-check: the share of false differences against the level, and what makes it warn."""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from foveal.errors import UsageError
from foveal.stats import judge, run_self_check


def test_share_is_that_of_all_splits() -> None:
    """Of six runs there are ten splits into halves; each is drawn equally often."""
    values = [0.70, 0.71, 0.72, 0.80, 0.81, 0.82]
    different = []
    for half in itertools.combinations(range(6), 3):
        rest = [values[row] for row in range(6) if row not in half]
        test = scipy_stats.ttest_ind([values[row] for row in half], rest, equal_var=False)
        different.append(test.pvalue < 0.05)
    judgment = judge({"none": values, "cbam": values[::-1]})
    (check,) = run_self_check(judgment, 2000)
    assert (check.runs, check.half, check.split_count) == (6, 3, 10)
    assert check.different / 2000 == pytest.approx(np.mean(different), abs=0.03)
    assert run_self_check(judgment, 2000) == [check]


def test_level_is_that_of_one_comparison() -> None:
    runs = np.random.default_rng(0).normal(0.7, 0.01, (3, 20)).tolist()
    judgment = judge(dict(zip(("none", "cbam", "bam"), runs, strict=True)))
    (check,) = run_self_check(judgment, 400)
    assert check.level == judgment.comparisons[0].level == 1 - 0.05 / 2
    assert check.different / 400 < 0.06


def test_few_runs_are_refused_and_an_odd_one_is_left_out() -> None:
    judgment = judge({"none": [0.7, 0.71, 0.72], "cbam": [0.7, 0.71, 0.72]})
    with pytest.raises(UsageError, match="Found 3 of 'none'"):
        run_self_check(judgment, 10)
    with pytest.raises(UsageError, match="repeats"):
        run_self_check(judgment, 0)
    (check,) = run_self_check(
        judge({"none": [0.7, 0.71, 0.72, 0.73, 0.75]} | {"cbam": [0.7] * 5}), 9
    )
    assert (check.half, check.split_count) == (2, 15)


def test_equal_runs_are_never_different() -> None:
    (check,) = run_self_check(judge({"none": [0.7] * 4, "cbam": [0.7, 0.8, 0.7, 0.9]}), 50)
    assert check.different == 0
