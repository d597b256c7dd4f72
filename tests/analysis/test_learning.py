"""Networks that learned nothing, from fake records."""

import numpy as np

from analysis.test_next_steps import make_study
from foveal.analysis import compare_cell_variants, compute_guessing, describe_failed_learning


def test_guessing_is_the_share_of_the_largest_class() -> None:
    study = make_study({"none": [0.5]})
    labels = np.repeat(np.arange(3, dtype=np.uint16), [952, 32, 16])
    study.runs[0].predictions["labels"][:] = labels
    guessing = compute_guessing(study)
    assert guessing is not None
    assert (guessing.accuracy, guessing.test_images) == (0.952, 1000)


def test_sentence_comes_before_the_numbers_if_nothing_was_learned() -> None:
    nothing = compare_cell_variants(make_study({"none": [0.1] * 3, "cbam": [0.12, 0.11, 0.1]}))
    assert describe_failed_learning(nothing) == (
        "Undecided: no variant is better than guessing, which reaches 10.0 %."
    )
    accuracies = {"none": [0.1] * 3, "cbam": [0.12, 0.11, 0.1], "bam": [0.5, 0.52, 0.51]}
    mixed = compare_cell_variants(make_study(accuracies))
    assert describe_failed_learning(mixed) == (
        "Undecided for cbam minus none: neither is better than guessing, which reaches 10.0 %."
    )
    assert [each.verdict for each in mixed] == ["undecided", "better"]
    learned = compare_cell_variants(make_study({"none": [0.6] * 3, "cbam": [0.7] * 3}))
    assert describe_failed_learning(learned) == ""


def test_runs_that_name_one_class_have_learned_nothing() -> None:
    study = make_study({"none": [0.3] * 3, "cbam": [0.3] * 3})
    for run in study.runs:
        run.predictions["predicted"][:] = 2
    (comparison,) = compare_cell_variants(study)
    assert comparison.has_learned_nothing
    assert comparison.verdict == "undecided"
    study.runs[0].predictions["predicted"][0] = 3
    (comparison,) = compare_cell_variants(study)
    assert not comparison.has_learned_nothing
