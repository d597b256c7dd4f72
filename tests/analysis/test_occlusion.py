"""Occlusion maps of several runs are averaged by variant and by class."""

import numpy as np
import torch

from foveal.analysis import average_maps_by_class, collect_occlusion_records, compare_maps
from report.fake_records import WINDOWS, make_occlusion


def test_map_is_the_mean_over_seeds() -> None:
    extras = [
        ("none", make_occlusion(1)),
        ("none", make_occlusion(2)),
        ("channel", make_occlusion(3)),
    ]
    records = collect_occlusion_records(extras)
    assert records is not None
    drops = (
        torch.stack([torch.from_numpy(make_occlusion(seed)["drop"]) for seed in (1, 2)]).sum(0) / 2
    )
    np.testing.assert_allclose(
        records.average_maps("none"), WINDOWS.grid_to_pixels(drops).numpy(), rtol=1e-5
    )
    np.testing.assert_allclose(
        records.compute_max_drops("none"), drops.flatten(1).amax(1), rtol=1e-6
    )
    assert records.average_maps("none", 2).shape == (2, 6, 8)
    assert records.find_majority_predictions("none") == [(0, 2), (2, 2), (2, 2), (0, 2)]


def test_class_mean_uses_images_that_every_run_classifies_correctly() -> None:
    records = collect_occlusion_records(
        [("none", make_occlusion(1)), ("channel", make_occlusion(3))]
    )
    assert records is not None
    means = average_maps_by_class(records)
    assert means.labels.tolist() == [0, 2]
    assert means.image_counts.tolist() == [2, 1]
    assert [rows.tolist() for rows in means.image_indices] == [[5, 9], [1]]
    cats = torch.from_numpy(make_occlusion(1)["drop"][[0, 3]].mean(0))
    np.testing.assert_allclose(
        means.maps["none"][0], WINDOWS.grid_to_pixels(cats).numpy(), rtol=1e-5
    )


def test_no_records_for_other_images_or_missing_runs() -> None:
    other_images = make_occlusion(1) | {"image_indices": np.array([5, 3, 1, 8])}
    assert collect_occlusion_records([]) is None
    assert collect_occlusion_records([("none", make_occlusion(1)), ("channel", None)]) is None
    assert (
        collect_occlusion_records([("none", make_occlusion(1)), ("channel", other_images)]) is None
    )


def test_maps_are_compared_with_the_baseline_and_between_seeds() -> None:
    seeds = {"none": (1, 2), "channel": (3, 4, 5)}
    records = collect_occlusion_records(
        [(name, make_occlusion(seed)) for name, numbers in seeds.items() for seed in numbers]
    )
    assert records is not None

    def correlate(pairs: list[tuple[int, int]]) -> float:
        values = [
            np.corrcoef(first.ravel(), second.ravel())[0, 1]
            for pair in pairs
            for first, second in zip(*(make_occlusion(seed)["drop"] for seed in pair), strict=True)
        ]
        return float(np.mean(values))

    agreement = compare_maps(records)
    across = [(first, second) for first in seeds["none"] for second in seeds["channel"]]
    np.testing.assert_allclose(agreement["channel"].with_baseline, correlate(across), rtol=1e-5)
    own = correlate([(3, 4), (3, 5), (4, 5)])
    np.testing.assert_allclose(agreement["channel"].between_runs, own, rtol=1e-5)
    assert agreement["none"].with_baseline == agreement["none"].between_runs
