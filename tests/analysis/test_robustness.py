"""Robustness curves of several runs are collected by condition and variant."""

import numpy as np

from foveal.analysis import collect_robustness_curves
from report.fake_records import make_robustness


def test_curves_start_with_the_original_images() -> None:
    robustness = collect_robustness_curves(
        [
            ("none", make_robustness(0.7)),
            ("none", make_robustness(0.8)),
            ("cbam", make_robustness(0.6)),
        ]
    )
    assert robustness is not None
    assert list(robustness.curves) == ["occlusion", "blur"]
    curve = robustness.curves["occlusion"]["none"]
    assert curve.severity.tolist() == [0, 1, 2]
    np.testing.assert_allclose(curve.accuracy, [[0.7, 0.63, 0.35], [0.8, 0.72, 0.4]])
    assert (robustness.image_count, robustness.occluded_shares) == (50, (0.1, 0.25))


def test_no_curves_for_other_images_or_missing_runs() -> None:
    none = ("none", make_robustness(0.7))
    assert collect_robustness_curves([]) is None
    assert collect_robustness_curves([none, ("cbam", None)]) is None
    assert collect_robustness_curves([none, ("cbam", make_robustness(0.7, images=40))]) is None
