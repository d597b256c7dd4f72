"""Summaries of a judgment over data sets."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects as combine_by_statsmodels

from foveal.stats import judge, summarize_data_sets


def make_columns(data_sets: int, *, scale: float = 1.0) -> dict[str, list[object]]:
    """Return accuracies of three variants with four seeds on each data set."""
    rng = np.random.default_rng(7)
    rows = [
        (f"data{data}", variant, seed, scale * (mean + gain * spread + rng.normal(0, 0.004)))
        for data in range(data_sets)
        for mean, spread in [(rng.uniform(0.5, 0.9), rng.normal(0.03, 0.02))]
        for variant, gain in (("none", 0.0), ("cbam", 1.0), ("se", 0.5))
        for seed in range(4)
    ]
    names = ("data", "variant", "seed", "accuracy")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_summary_is_that_of_statsmodels_on_the_differences(scale: float) -> None:
    columns = make_columns(6, scale=scale)
    judgment = judge(columns, data_column="data")
    summaries = summarize_data_sets(judgment)
    assert [each.variant for each in summaries] == ["cbam", "se"]
    for each in summaries:
        differences, variances = [], []
        for part in judgment.parts:
            values, others = (
                100 * part.runs[name].values / scale for name in (each.variant, "none")
            )
            differences.append(values.mean() - others.mean())
            variances.append(values.var(ddof=1) / 4 + others.var(ddof=1) / 4)
        result = combine_by_statsmodels(
            np.array(differences), np.array(variances), method_re="iterated", atol=1e-7
        )
        assert 100 * each.effects.mean == pytest.approx(result.mean_effect_re, rel=1e-5)
        assert 100 * each.effects.sd == pytest.approx(math.sqrt(result.tau2), rel=1e-4)
        half = stats.t.ppf(0.9875, 5) * result.sd_eff_w_re_hksj
        found = 100 * (each.effects.interval[1] - each.effects.mean)
        assert found == pytest.approx(half, rel=1e-4)
        assert each.effects.level == 0.975


def test_fewer_than_five_data_sets_have_no_summary() -> None:
    assert summarize_data_sets(judge(make_columns(4), data_column="data")) == []
    columns = make_columns(5)
    assert len(summarize_data_sets(judge(columns, data_column="data"))) == 2
    short = {
        name: [cell for row, cell in enumerate(column) if row not in (8, 9)]
        for name, column in columns.items()
    }  # two of the four runs of se on the first data set
    found = summarize_data_sets(judge(short, data_column="data"))
    assert [each.variant for each in found] == ["cbam"]
