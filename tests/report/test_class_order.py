"""Differences by class count the seeds that both variants have, like the intervals beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foveal.analysis import group_runs_by_variant
from foveal.records import read_study
from foveal.report.sections.class_order import compute_class_differences, select_common_seeds
from report.fake_records import write_fake_study


def test_seeds_of_one_variant_alone_do_not_count(tmp_path: Path) -> None:
    folder = write_fake_study(
        tmp_path / "study", {"none": [0.5, 0.6, 0.9, 0.9], "cbam": [0.7, 0.8]}
    )
    baseline, group = group_runs_by_variant(read_study(folder))

    def class_accuracies(variant: int, seed: int) -> Any:
        matrix = np.load(folder / "runs" / f"{variant}-{seed}" / "predictions.npz")["confusion"]
        return np.diag(matrix) / matrix.sum(axis=1)

    mean = (class_accuracies(0, 0) + class_accuracies(0, 1)) / 2
    expected = [100 * (class_accuracies(1, seed) - mean) for seed in (0, 1)]
    np.testing.assert_allclose(compute_class_differences(group, baseline), expected)
    assert [each.seeds for each in select_common_seeds(baseline, group)] == [[0, 1], [0, 1]]
