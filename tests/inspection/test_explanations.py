"""Explanations: selected images, and means over seeds."""

import numpy as np
import pytest
import torch

from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.explanation import occlusion_sensitivity
from foveal.inspection import TrainedRun, choose_explained_images, explain_runs
from foveal.records import read_run
from foveal.study.probe_images import get_test_images


def test_maps_of_predictions_are_not_averaged_over_seeds(
    runs: list[TrainedRun], data: ImageData
) -> None:
    with pytest.raises(UsageError, match="Select one seed"):
        explain_runs(runs, data, np.array([0]), selection="one image", target="pred")
    explanation = explain_runs(runs[:1], data, np.arange(4), selection="four images", target="pred")
    probabilities = explanation.result.probabilities(runs[0].key)
    confidences = explanation.average_confidences("none")
    np.testing.assert_allclose(confidences, probabilities.amax(1))


def test_maps_are_means_over_seeds(runs: list[TrainedRun], data: ImageData) -> None:
    indices = np.array([5, 2, 40])
    explanation = explain_runs(runs, data, indices, selection="three images")
    assert list(explanation.runs) == ["none", "cbam"]
    images, labels = get_test_images(data, indices), torch.from_numpy(data.test.labels[indices])
    normalization = (data.mean, data.std)
    results = [
        occlusion_sensitivity(run.load_network(), images, labels, normalization=normalization)
        for run in runs[2:]
    ]
    mean = (results[0].map() + results[1].map()) / 2
    np.testing.assert_allclose(explanation.average_maps("cbam"), mean, atol=1e-6)
    votes = explanation.count_votes("cbam")
    assert votes.sum(1).tolist() == [2, 2, 2]
    for image in range(3):
        predictions = [int(result.probabilities()[image].argmax()) for result in results]
        assert all(votes[image, label] == predictions.count(label) for label in predictions)
    np.testing.assert_array_equal(explanation.labels, data.test.labels[indices])


def test_selection_of_images(runs: list[TrainedRun], data: ImageData) -> None:
    labels = data.test.labels
    indices, selection = choose_explained_images(data, runs)
    assert labels[indices].tolist() == list(range(10))
    first_indices = [np.flatnonzero(labels == label)[0] for label in range(10)]
    assert indices.tolist() == first_indices
    assert selection == "the first test image of each class"
    indices, selection = choose_explained_images(data, runs, per_class=2)
    assert labels[indices].tolist() == sorted([*range(10)] * 2)
    assert "first 2" in selection
    indices, _ = choose_explained_images(data, runs, images=[7, 3])
    assert indices.tolist() == [7, 3]
    with pytest.raises(UsageError, match="`images` should be from 0 to 99"):
        choose_explained_images(data, runs, images=[100])
    with pytest.raises(UsageError, match="in one way"):
        choose_explained_images(data, runs, images=[1], per_class=1)
    with pytest.raises(UsageError, match="`per_class` should be an integer, at least 1"):
        choose_explained_images(data, runs, per_class=0)


def test_most_different_images_are_found_in_the_records(
    runs: list[TrainedRun], data: ImageData
) -> None:
    indices, selection = choose_explained_images(data, runs, most_different=6)
    correct = [read_run(run.folder).predictions["correct"].astype(float) for run in runs]
    gap = np.abs((correct[0] + correct[1]) / 2 - (correct[2] + correct[3]) / 2)
    assert gap[indices].tolist() == sorted(gap, reverse=True)[:6]
    assert "6 test images" in selection
    with pytest.raises(UsageError, match="two variants"):
        choose_explained_images(data, runs[:2], most_different=6)
