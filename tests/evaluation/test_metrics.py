"""Metrics compared with scikit-learn and torchmetrics."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from foveal.evaluation import Predictions, compute_metrics, evaluate


def make_predictions(classes: int, count: int = 400) -> Predictions:
    generator = torch.Generator().manual_seed(classes)
    labels = torch.randint(classes, (count,), generator=generator)
    logits = torch.randn(count, classes, generator=generator)
    logits[torch.arange(count), labels] += 1.5
    return Predictions(logits, labels)


@pytest.mark.parametrize("classes", [3, 10, 25])
def test_equals_scikit_learn(classes: int) -> None:
    predictions = make_predictions(classes)
    labels, scores = predictions.labels.numpy(), predictions.logits.double().softmax(1).numpy()
    predicted = scores.argmax(1)
    evaluation = compute_metrics(predictions)
    assert evaluation.accuracy == pytest.approx(
        metrics.accuracy_score(labels, predicted), abs=1e-12
    )
    assert evaluation.loss == pytest.approx(metrics.log_loss(labels, scores), rel=1e-5)
    np.testing.assert_array_equal(evaluation.confusion, metrics.confusion_matrix(labels, predicted))
    np.testing.assert_allclose(
        evaluation.per_class_accuracy,
        metrics.recall_score(labels, predicted, average=None),
        rtol=1e-12,
    )
    np.testing.assert_array_equal(evaluation.correct, labels == predicted)
    if classes >= 20:
        expected = metrics.top_k_accuracy_score(labels, scores, k=5)
        assert evaluation.top5_accuracy == pytest.approx(expected, abs=1e-12)
        assert evaluation.correct_top5 is not None
        assert evaluation.correct_top5.mean() == pytest.approx(expected, abs=1e-12)
    else:
        assert evaluation.top5_accuracy is None
        assert evaluation.correct_top5 is None


def test_scores_of_single_images_equal_scikit_learn() -> None:
    logits, labels = (
        torch.randn(40, 5, generator=torch.Generator().manual_seed(0)),
        torch.arange(40) % 5,
    )
    evaluation = compute_metrics(Predictions(4 * logits, labels))
    probabilities = (4 * logits).double().softmax(1).numpy()
    for image in range(40):
        one = slice(image, image + 1)
        expected = metrics.log_loss(labels[one], probabilities[one], labels=range(5))
        assert evaluation.log_losses[image] == pytest.approx(expected, rel=1e-9)
    brier = metrics.brier_score_loss(labels, probabilities, labels=range(5), scale_by_half=False)
    assert evaluation.brier_scores.mean() == pytest.approx(brier)


@pytest.mark.parametrize("classes", [20, 21, 100])
def test_constant_logits_hit_by_chance(classes: int) -> None:
    labels = torch.arange(classes).repeat(3)
    evaluation = compute_metrics(Predictions(torch.full((3 * classes, classes), -0.7), labels))
    assert evaluation.correct_top5 is not None
    np.testing.assert_allclose(evaluation.correct_top5, 5 / classes, rtol=1e-15)
    assert evaluation.top5_accuracy == pytest.approx(5 / classes)
    assert evaluation.predicted.tolist() == [0] * len(labels)  # the first of equals
    assert evaluation.accuracy == pytest.approx(1 / classes)


def test_hits_of_ties_are_those_of_a_random_order() -> None:
    generator = np.random.default_rng(0)
    logits = generator.integers(0, 6, (60, 23)).astype(np.float32)  # four equal values on average
    labels = generator.integers(0, 23, 60)
    evaluation = compute_metrics(Predictions(torch.from_numpy(logits), torch.from_numpy(labels)))
    draws = 4000
    hits = np.zeros(60)
    for _ in range(draws):
        order = np.lexsort((generator.random(logits.shape), -logits), axis=1)
        hits += (order[:, :5] == labels[:, None]).any(1)
    assert evaluation.correct_top5 is not None
    assert 0 < (evaluation.correct_top5 % 1 > 0).sum() < 60
    np.testing.assert_allclose(evaluation.correct_top5, hits / draws, atol=4.5 * 0.5 / draws**0.5)


@pytest.mark.parametrize("classes", [3, 25])
def test_calibration_equals_torchmetrics(classes: int) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error

    predictions = make_predictions(classes)
    expected = multiclass_calibration_error(
        predictions.logits.softmax(1), predictions.labels, num_classes=classes, n_bins=15
    )
    assert compute_metrics(predictions).calibration_error == pytest.approx(
        float(expected), abs=1e-6
    )


def test_calibration_of_a_model_with_full_confidence() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    logits = torch.tensor([[50.0, 0.0]] * 4)
    assert compute_metrics(Predictions(logits, labels)).calibration_error == pytest.approx(
        0.25, abs=1e-6
    )


def test_class_without_images_has_nan_accuracy() -> None:
    evaluation = compute_metrics(Predictions(torch.eye(3)[:2], torch.tensor([0, 1])))
    np.testing.assert_array_equal(evaluation.per_class_accuracy, [1.0, 1.0, np.nan])


def test_restores_the_mode_of_each_module() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    model.train()
    model[3].eval()
    modes = [module.training for module in model.modules()]
    batches = [(torch.randn(4, 3, 2, 2), torch.tensor([0, 1, 2, 0]))]
    first, second = evaluate(model, batches), evaluate(model, batches)
    assert first.loss == second.loss
    assert [module.training for module in model.modules()] == modes
