"""Checklist of a comparison: what was controlled for, and the uncertainty due to the test images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.test_answer import make_comparison
from foveal.analysis import compare_cell_variants, describe_other_test_images
from foveal.analysis.fairness import check_fairness
from foveal.records import read_study, write_extra
from foveal.stats import Comparison, VarianceSplit
from report.fake_records import make_costs, write_fake_study

BETTER = {"none": [0.700, 0.702, 0.698], "cbam": [0.720, 0.722, 0.718]}
EQUAL = {"none": [0.700, 0.702, 0.698], "cbam": [0.701, 0.703, 0.699]}


@pytest.mark.parametrize(
    ("accuracies", "controls", "parameters", "title"),
    [
        (BETTER, [], 1010, "Hardly larger than the plain network."),
        (BETTER, [], 1100, "No control for size."),
        (BETTER, ["wide"], 1100, "Controlled for size."),
        (BETTER, ["same-time"], 1010, "Controlled for training time."),
        (BETTER, ["same-time"], 1100, "No control for size."),
        (BETTER, ["wide", "same-time"], 1100, "Controlled for size and training time."),
        (EQUAL, [], 1010, "No gain that size or training time could explain."),
    ],
)
def test_only_what_was_controlled_for_is_said(
    tmp_path: Path,
    accuracies: dict[str, list[float]],
    controls: list[str],
    parameters: int,
    title: str,
) -> None:
    names = [f"{name}:like=cbam" for name in controls]
    values = {**accuracies, **dict.fromkeys(names, accuracies["none"])}
    folder = write_fake_study(tmp_path / "study", values, controls=names)
    for index, variant in enumerate(values):
        size = {"parameters": np.array(parameters)} if variant == "cbam" else {}
        write_extra(folder, f"cost-{index}-0", make_costs("none") | size)
    study = read_study(folder)
    checks = check_fairness(study, compare_cell_variants(study))
    words = "size", "Hardly larger", "training time."
    (check,) = [each for each in checks if any(word in each.title for word in words)]
    assert (check.title, check.is_fine) == (title, not title.startswith("No control"))


def test_other_test_images_are_one_sentence() -> None:
    def compare(variant: str, image_error: float) -> Comparison:
        return replace(
            make_comparison("undecided", 1.0, -1.0, 3.0, variant=variant),
            detectable_difference=0.02,
            variance_split=VarianceSplit(0.004, image_error, 0.5),
        )

    scope = "The intervals are about other seeds on the same 1,000 test images."
    assert describe_other_test_images([compare("cbam", 0.0)], 1000) == scope
    added = (
        f"{scope} Other test images add a standard error of up to 0.30 points, which the "
        f"intervals leave out."
    )
    both = [compare("cbam", 0.001), compare("bam", 0.003)]
    assert describe_other_test_images(both, 1000) == added
    assert describe_other_test_images([*both[:1], compare("bam", 0.0044)], 1000).endswith(
        " The choice of images matters at least as much as that of seeds for bam (0.44 points from images, "
        "0.40 from seeds)."
    )
