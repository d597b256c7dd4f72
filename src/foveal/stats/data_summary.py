"""Summary of the differences on several data sets, for each variant of a judgment."""

from __future__ import annotations

from dataclasses import dataclass

from foveal.stats.comparison import MIN_SEEDS
from foveal.stats.judgment import DataJudgment, Judgment
from foveal.stats.random_effects import MIN_DATA_SETS, RandomEffects, combine_effects
from foveal.stats.sample import select_common_seeds
from foveal.stats.table_rule import make_sample
from foveal.stats.welch import WelchTest, run_welch_test


@dataclass(frozen=True)
class DataSummary:
    """Mean difference of a variant to the baseline over data sets; in the unit of its comparisons."""

    variant: str
    reference: str
    effects: RandomEffects


def summarize_data_sets(judgment: Judgment) -> list[DataSummary]:
    """Return the summary of each variant that is compared on five data sets or more.

    Data sets with fewer than three common seeds, or without any spread, are left out. The level is 0.95 for
    one variant and shared by several. A sequential judgment has no summary: differences at the moment at which
    it stops are too large.

    >>> from foveal.stats import judge
    >>> means = {"a": 0.70, "b": 0.74, "c": 0.62, "d": 0.81, "e": 0.55}
    >>> rows = [(d, v, s, m + 0.01 * s + 0.02 * (v == "se")) for d, m in means.items() for v in ("none", "se")
    ...     for s in range(3)]
    >>> columns = dict(zip(("data", "variant", "seed", "accuracy"), zip(*rows)))
    >>> (summary,) = summarize_data_sets(judge(columns, data_column="data"))
    >>> round(summary.effects.mean, 4), summary.effects.data_sets
    (0.02, 5)
    """
    if judgment.design is not None:
        return []
    variants = list(dict.fromkeys(each.variant for each in judgment.comparisons))
    summaries = []
    for variant in variants:
        tests = [_test_part(judgment, part, variant) for part in judgment.parts]
        found = [test for test in tests if test is not None and test.standard_error > 0]
        if len(found) >= MIN_DATA_SETS:
            effects = combine_effects(
                [test.difference for test in found],
                [test.standard_error for test in found],
                level=1 - 0.05 / len(variants),
            )
            summaries.append(DataSummary(variant, judgment.baseline, effects))
    return summaries


def _test_part(judgment: Judgment, part: DataJudgment, variant: str) -> WelchTest | None:
    """Return the difference on one data set with its standard error; None with fewer than three seeds."""
    if variant not in part.runs or judgment.baseline not in part.runs:
        return None
    samples = (
        make_sample(name, part.runs[name], judgment.scale) for name in (variant, judgment.baseline)
    )
    sample, reference = select_common_seeds(*samples)
    if len(sample.seeds) < MIN_SEEDS:
        return None
    return run_welch_test(sample.accuracies, reference.accuracies, test_images=judgment.test_images)
