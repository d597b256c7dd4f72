"""Accuracies at guessing, and runs far below the others of their variant."""

import math

import pytest

from foveal.stats import compare_accuracies, compare_variants, find_low_outliers, is_at_guessing


@pytest.mark.parametrize(
    ("guessing", "images"), [(0.1, 100), (0.1, 10_000), (0.5, 1000), (952 / 3000, 3000)]
)
def test_guessing_is_within_three_binomial_standard_errors(guessing: float, images: int) -> None:
    error = math.sqrt(guessing * (1 - guessing) / images)
    accuracies = [guessing + factor * error for factor in (-3.01, -2.99, 0, 2.99, 3.01)]
    found = is_at_guessing(accuracies, guessing_accuracy=guessing, test_images=images)
    assert found.tolist() == [False, True, True, True, False]


def test_networks_that_learned_nothing_are_undecided() -> None:
    """256 images, one epoch and 100 test images: `none` 13 %, attention 9 %, guessing 10 %."""
    none, cbam = [0.13, 0.13, 0.14], [0.09, 0.09, 0.08]
    assert compare_accuracies(cbam, none, test_images=100).verdict == "worse"
    found = compare_accuracies(cbam, none, test_images=100, guessing_accuracy=0.1)
    assert found.verdict == "undecided"
    assert found.reason == "neither variant is better than guessing, which reaches 10.0 %"
    assert found.has_learned_nothing


@pytest.mark.parametrize("seeds", [1, 2])
def test_reason_comes_first_with_few_seeds(seeds: int) -> None:
    found = compare_accuracies(
        [0.1, 0.11][:seeds], [0.12, 0.1][:seeds], test_images=100, guessing_accuracy=0.1
    )
    assert found.reason.startswith(
        "neither variant is better than guessing, which reaches 10.0 %; "
    )


def test_networks_that_name_one_class_are_undecided() -> None:
    """Classes of 952 to 32 images: every network names the same class for every image."""
    share = 952 / 3000
    for accuracy in (share, 32 / 3000):
        (found,) = compare_variants(
            {"none": [accuracy] * 3, "cbam": [accuracy] * 3},
            names_one_class={"none": [True] * 3, "cbam": [True] * 3},
            test_images=3000,
            guessing_accuracy=share,
        )
        assert found.verdict == "undecided"
        assert found.has_learned_nothing
    equivalent = compare_accuracies([share] * 3, [share] * 3, test_images=3000)
    assert equivalent.verdict == "equivalent"


def test_one_variant_at_guessing_is_judged_with_a_note() -> None:
    none, cbam = [0.10, 0.11, 0.10], [0.60, 0.61, 0.62]
    better, worse = (
        compare_accuracies(
            *pair, variant="cbam", reference="none", test_images=1000, guessing_accuracy=0.1
        )
        for pair in ((cbam, none), (none, cbam))
    )
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.reason.endswith("; none is not better than guessing, which reaches 10.0 %")
    assert worse.reason.endswith("; cbam is not better than guessing, which reaches 10.0 %")
    assert not better.has_learned_nothing


def test_one_run_that_names_one_class_is_not_a_variant_at_guessing() -> None:
    (found,) = compare_variants(
        {"none": [0.1, 0.1, 0.1], "cbam": [0.7, 0.1, 0.72]},
        names_one_class={"none": [True] * 3, "cbam": [False, True, False]},
        test_images=1000,
        guessing_accuracy=0.1,
    )
    assert (found.is_at_guessing, found.is_reference_at_guessing) == (False, True)


def test_accuracies_above_guessing_are_judged_as_without_the_rule() -> None:
    none, cbam = [0.14, 0.15, 0.14], [0.20, 0.21, 0.22]
    plain = compare_accuracies(cbam, none, test_images=1000)
    found = compare_accuracies(cbam, none, test_images=1000, guessing_accuracy=0.1)
    assert (found.verdict, found.reason, found.interval) == (
        plain.verdict,
        plain.reason,
        plain.interval,
    )


def test_low_outliers_are_more_than_five_deviations_below_the_median() -> None:
    assert find_low_outliers([0.70, 0.71, 0.10]).tolist() == [False, False, True]
    assert find_low_outliers([0.70, 0.71, 0.651]).tolist() == [False, False, False]  # 4.9 below
    assert find_low_outliers([0.70, 0.71, 0.649]).tolist() == [False, False, True]  # 5.1 below
    assert not find_low_outliers([0.70, 0.71, 0.99]).any()
    assert not find_low_outliers([0.1, 0.7]).any()
