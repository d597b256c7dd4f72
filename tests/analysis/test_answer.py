"""Golden sentences of the answer: every verdict, several verdicts, too few seeds, networks at guessing."""

import math
from dataclasses import replace

import pytest

from foveal.analysis import Answer, write_answer
from foveal.stats import Comparison, LookResult, SequentialResult, Verdict

ACCURACIES = {"none": [0.482, 0.591, 0.502], "cbam": [0.58, 0.575, 0.57]}


def make_comparison(
    verdict: Verdict,
    points: float,
    low: float,
    high: float,
    variant: str = "cbam",
    reference: str = "none",
    seeds: int = 5,
) -> Comparison:
    """Return a comparison by its numbers in points, with a margin of half a point."""
    interval = (low / 100, high / 100)
    return Comparison(
        variant=variant,
        reference=reference,
        seeds=seeds,
        mean=0.6,
        sd=0.01,
        difference=points / 100,
        interval=interval,
        equivalence_interval=interval,
        level=0.95,
        margin=0.005,
        verdict=verdict,
        reason="",
    )


BETTER = make_comparison("better", 2.6, 0.6, 4.7)
WORSE = make_comparison("worse", -7.8, -11.0, -4.5)
EQUIVALENT = make_comparison("equivalent", -0.05, -0.3, 0.2)
UNDECIDED = make_comparison("undecided", 4.6, -14.5, 23.6, seeds=3)
NOTHING_LEARNED = replace(
    make_comparison("undecided", -4.0, -5.0, -3.0),
    guessing_accuracy=0.1,
    is_at_guessing=True,
    is_reference_at_guessing=True,
)


def name(comparison: Comparison, variant: str) -> Comparison:
    return replace(comparison, variant=variant)


def answer(*comparisons: Comparison, controls: tuple[str, ...] = ()) -> Answer:
    return write_answer(comparisons, accuracies=ACCURACIES, controls=controls)


@pytest.mark.parametrize(
    ("comparison", "text", "title"),
    [
        (BETTER, "Yes: `cbam` is better, by +2.6 points (interval +0.6 to +4.7).", "Yes."),
        (
            make_comparison("better", 2.5, 0.3, 4.7),
            "Yes: `cbam` is better, by +2.5 points (interval +0.3 to +4.7). "
            "It may be too small to matter: the margin is 0.5 points.",
            "Yes.",
        ),
        (
            WORSE,
            "No: `cbam` makes it worse, by 7.8 points (interval −11.0 to −4.5).",
            "No.",
        ),
        (
            EQUIVALENT,
            "It makes no difference that matters: less than 0.5 points either way "
            "(interval −0.30 to +0.20).",
            "No difference that matters.",
        ),
        (
            UNDECIDED,
            "Not shown. With 3 seeds, `cbam` cannot be told apart from the network without attention: "
            "+4.6 points, but anything from −14.5 to +23.6 is possible. "
            "The reason: the accuracy of `none` differs by up to 11 points from seed to seed.",
            "Not shown.",
        ),
        (
            make_comparison("undecided", 1.0, math.nan, math.nan, seeds=1),
            "Not tested. One run says nothing about the method; a verdict needs at least 3 seeds.",
            "Not tested.",
        ),
        (
            make_comparison("undecided", 1.0, math.nan, math.nan, seeds=2),
            "Not tested. Two runs of each variant say too little about the method; a verdict needs at "
            "least 3 seeds.",
            "Not tested.",
        ),
        (
            NOTHING_LEARNED,
            "Not shown: neither the network without attention nor `cbam` is better than guessing, which "
            "reaches 10.0 %. Nothing was learned, so the numbers say nothing about attention. Train longer, "
            "on more images or with another learning rate.",
            "Not shown: nothing was learned.",
        ),
    ],
)  # fmt: skip
def test_answer_about_one_variant(comparison: Comparison, text: str, title: str) -> None:
    assert answer(comparison).text == text
    assert answer(comparison).title == title


@pytest.mark.parametrize(
    ("comparisons", "text"),
    [
        (
            (BETTER, name(make_comparison("better", 4.0, 2.0, 6.0), "bam")),
            "Yes: both attention variants are better, `bam` most: +4.0 points (interval +2.0 to +6.0). "
            "Which of `cbam` and `bam` is better was not tested.",
        ),
        (
            (WORSE, name(make_comparison("worse", -3.0, -4.2, -1.8), "bam")),
            "No: both attention variants make it worse, `cbam` most: by 7.8 points "
            "(interval −11.0 to −4.5).",
        ),
        (
            (EQUIVALENT, name(make_comparison("equivalent", 0.1, -0.2, 0.4), "bam")),
            "It makes no difference that matters: less than 0.5 points either way for both attention "
            "variants (closest to that: `bam`, interval −0.20 to +0.40).",
        ),
        (
            (UNDECIDED, *(name(make_comparison("undecided", -1, -9, 7, seeds=3), f"v{i}") for i in "abc")),
            "Not shown. With 3 seeds, not one of the four attention variants can be told apart from the "
            "network without attention. The largest gain is that of `cbam`: +4.6 points, but the true "
            "difference can be anything from −14.5 to +23.6. The reason: the accuracy of `none` differs by "
            "up to 11 points from seed to seed.",
        ),
        (
            (BETTER, name(WORSE, "bam"), name(UNDECIDED, "se"), name(UNDECIDED, "eca")),
            "Mixed: `cbam` (+2.6 points, interval +0.6 to +4.7) helps; `bam` (−7.8 points, interval −11.0 to "
            "−4.5) makes it worse; `se` and `eca` are undecided.",
        ),
        (
            (
                name(make_comparison("better", 2.5, 0.3, 4.7), "bam"),
                name(make_comparison("better", 4.0, 2.0, 6.0), "se"),
                UNDECIDED,
            ),
            "Mixed: `se` (+4.0 points, interval +2.0 to +6.0) and `bam` (+2.5 points, interval +0.3 to +4.7) "
            "help; `cbam` is undecided. Which of `bam` and `se` is better was not tested. "
            "The gain of `bam` may be too small to matter: the margin is 0.5 points.",
        ),
        (
            (EQUIVALENT, name(NOTHING_LEARNED, "bam")),
            "Mixed: `cbam` (−0.05 points, interval −0.30 to +0.20) makes no difference that matters; "
            "`bam` is not better than guessing, which reaches 10.0 %.",
        ),
        (
            (UNDECIDED, name(NOTHING_LEARNED, "bam"), name(NOTHING_LEARNED, "se")),
            "Not shown: neither the network without attention nor `bam` or `se` is better than guessing, which "
            "reaches 10.0 %. Nothing was learned, so the numbers say nothing about attention. Train longer, on "
            "more images or with another learning rate.",
        ),
    ],
)  # fmt: skip
def test_answer_about_several_variants(comparisons: tuple[Comparison, ...], text: str) -> None:
    assert answer(*comparisons).text == text


def test_answer_is_not_about_controls_but_names_them() -> None:
    wide = "wide:like=cbam"
    comparisons = (
        BETTER,
        name(UNDECIDED, wide),
        name(WORSE, "se"),
        make_comparison("undecided", 0.2, -0.9, 1.3, reference=wide),
        make_comparison("better", 10.4, 9.0, 11.8, reference="se"),
    )
    assert answer(*comparisons, controls=(wide, "se")).text == (
        "Yes: `cbam` is better, by +2.6 points (interval +0.6 to +4.7). "
        "`cbam` is not shown to be better than the plain network with as many parameters: +0.2 points "
        "(interval −0.9 to +1.3). "
        "`cbam` is also better than `se`: +10.4 points (interval +9.0 to +11.8)."
    )


def test_equivalence_names_the_interval_that_decides() -> None:
    comparison = replace(EQUIVALENT, interval=(-0.007, 0.004))
    assert "(interval −0.30 to +0.20)" in answer(comparison).text
    assert answer(replace(comparison, verdict="undecided")).text.count("−0.70 to +0.40") == 1


def test_the_variant_that_moves_most_is_the_reason() -> None:
    accuracies = {"none": [0.50, 0.51, 0.52], "cbam": [0.50, 0.51, 0.555]}
    text = write_answer([UNDECIDED], accuracies=accuracies).text
    assert text.endswith("the accuracy of `cbam` differs by up to 5.5 points from seed to seed.")


def test_training_that_had_not_ended_is_a_condition_of_the_answer() -> None:
    def write(*comparisons: Comparison, has_reliable_times: bool = True) -> str:
        return write_answer(
            comparisons,
            accuracies=ACCURACIES,
            unfinished_epochs=5,
            has_reliable_times=has_reliable_times,
        ).text

    assert write(BETTER, has_reliable_times=False) == (
        "Yes: after 5 epochs, `cbam` is better, by +2.6 points (interval +0.6 to +4.7). Accuracy still rose in "
        "the last epoch: `cbam` may only learn faster. Do not trust the times."
    )
    assert write(BETTER, name(UNDECIDED, "bam")).startswith("Mixed: after 5 epochs, `cbam` (+2.6 ")
    undecided = write(UNDECIDED)
    assert undecided.startswith(
        "Not shown. After 5 epochs, with 3 seeds, `cbam` cannot be told apart"
    )
    assert undecided.endswith("in the last epoch, so longer training may change this.")
    assert "epoch" not in write(NOTHING_LEARNED)


def test_networks_that_hardly_learned_are_named_first() -> None:
    comparison = replace(WORSE, mean=0.11, guessing_accuracy=0.1)  # `none` reaches 18.8 %
    assert answer(comparison).text == (
        "No: with networks that hardly learned (at most 18.8 % right, and guessing reaches 10.0 %), `cbam` "
        "makes it worse, by 7.8 points (interval −11.0 to −4.5)."
    )
    assert answer(replace(comparison, mean=0.12)).text.startswith("No: `cbam` makes it worse")


def test_title_of_a_mixed_answer_has_no_sizes() -> None:
    assert (
        answer(BETTER, name(UNDECIDED, "bam")).title == "Mixed: `cbam` helps; `bam` is undecided."
    )


def test_nothing_to_compare() -> None:
    assert answer().lead == "Not tested."


def look(seeds: int, verdict: Verdict) -> LookResult:
    return LookResult(seeds, 0.026, (0.006, 0.047), (0.006, 0.047), verdict)


def test_sequential_study_says_where_it_stopped() -> None:
    decided = replace(
        BETTER,
        sequential=SequentialResult((look(4, "undecided"), look(5, "better")), "verdict", None),
    )
    going_on = replace(
        name(UNDECIDED, "bam"), sequential=SequentialResult((look(4, "undecided"),), None, 5)
    )
    unlikely = replace(
        name(UNDECIDED, "se"),
        seeds=6,
        sequential=SequentialResult((look(6, "undecided"),), "unlikely", None),
    )
    last = replace(
        name(UNDECIDED, "eca"),
        seeds=8,
        sequential=SequentialResult((look(8, "undecided"),), "last look", None),
    )
    assert answer(decided).details[-2:] == (
        "`cbam` was decided at 5 seeds.",
        "A difference that is found is likely smaller than it looks, most at early looks.",
    )
    assert answer(going_on).details[-1] == "The next look at `bam` is at 5 seeds."
    assert answer(unlikely, last).details[-2:] == (
        "`eca` reached the last look, at 8 seeds.",
        "`se` stopped at 6 seeds, because a verdict had become unlikely, which does not show "
        "that there is no difference.",
    )


def test_sequential_study_before_its_first_look() -> None:
    waiting = replace(UNDECIDED, sequential=SequentialResult((), None, 4))
    assert answer(waiting).text == (
        "Not tested. No variant has reached the first look. The next look at `cbam` is at 4 seeds."
    )
