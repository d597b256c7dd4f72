"""Figures of an evaluation against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from foveal.evaluation import Predictions, evaluate, measure


def made(classes: int, count: int = 400) -> Predictions:
    generator = torch.Generator().manual_seed(classes)
    labels = torch.randint(classes, (count,), generator=generator)
    logits = torch.randn(count, classes, generator=generator)
    logits[torch.arange(count), labels] += 1.5
    return Predictions(logits, labels)


@pytest.mark.parametrize("classes", [3, 10, 25])
def test_against_scikit_learn(classes: int) -> None:
    predictions = made(classes)
    labels, scores = predictions.labels.numpy(), predictions.logits.double().softmax(1).numpy()
    guess = scores.argmax(1)
    found = measure(predictions)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, guess), abs=1e-12)
    assert found.loss == pytest.approx(metrics.log_loss(labels, scores), rel=1e-5)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(labels, guess))
    np.testing.assert_allclose(
        found.per_class, metrics.recall_score(labels, guess, average=None), rtol=1e-12
    )
    np.testing.assert_array_equal(found.correct, labels == guess)
    if classes >= 20:
        expected = metrics.top_k_accuracy_score(labels, scores, k=5)
        assert found.top5_accuracy == pytest.approx(expected, abs=1e-12)
        assert found.correct_top5 is not None
        assert found.correct_top5.mean() == pytest.approx(expected, abs=1e-12)
    else:
        assert found.top5_accuracy is None
        assert found.correct_top5 is None


@pytest.mark.parametrize("classes", [3, 25])
def test_calibration_against_torchmetrics(classes: int) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error

    predictions = made(classes)
    expected = multiclass_calibration_error(
        predictions.logits.softmax(1), predictions.labels, num_classes=classes, n_bins=15
    )
    assert measure(predictions).calibration_error == pytest.approx(float(expected), abs=1e-6)


def test_calibration_of_a_network_that_is_always_sure() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    logits = torch.tensor([[50.0, 0.0]] * 4)
    assert measure(Predictions(logits, labels)).calibration_error == pytest.approx(0.25, abs=1e-6)


def test_a_class_without_images_has_no_accuracy() -> None:
    found = measure(Predictions(torch.eye(3)[:2], torch.tensor([0, 1])))
    np.testing.assert_array_equal(found.per_class, [1.0, 1.0, np.nan])


def test_modes_are_put_back_one_by_one() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    model.train()
    model[3].eval()
    modes = [module.training for module in model.modules()]
    batches = [(torch.randn(4, 3, 2, 2), torch.tensor([0, 1, 2, 0]))]
    first, second = evaluate(model, batches), evaluate(model, batches)
    assert first.loss == second.loss
    assert [module.training for module in model.modules()] == modes
