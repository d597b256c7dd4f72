"""What is written above a map: the mark of a prediction, and pictures of any images."""

import numpy as np
import pytest
import torch

from foveal.explanation import OcclusionResult
from foveal.explanation.occlusion.result_figure import make_panel_titles, to_pictures
from foveal.explanation.occlusion.windows import make_windows
from foveal.plotting.captions import RIGHT_MARK, WRONG_MARK, panel_titles

LABELS = torch.tensor([0, 1, 2])
GUESSES = [0, 2, 2]  # right, wrong, right
CLASSES = ["cat", "dog", "owl"]


def result_of(target: str | int, labels: torch.Tensor | None) -> OcclusionResult:
    windows = make_windows((4, 6), window=2, stride=2)
    plain = torch.nn.functional.one_hot(torch.tensor(GUESSES), 3).float()
    logits = plain[None, :, None].expand(1, 3, 1 + windows.count, 3).contiguous()
    return OcclusionResult({"model": logits}, windows, ("mean",), labels, target, "prob")


@pytest.mark.parametrize("target", ["label", "pred", 1])
def test_the_mark_tells_whether_the_prediction_is_the_true_label(target: str | int) -> None:
    titles = make_panel_titles(result_of(target, LABELS), "model", CLASSES)
    firsts = [title.splitlines()[0] for title in titles]
    assert firsts == [f"{RIGHT_MARK} cat", f"{WRONG_MARK} owl", f"{RIGHT_MARK} owl"]
    # How sure it is, is of the target.
    high, low = np.exp([1, 0]) / (np.e + 2)
    wanted = {"label": [0, 1, 2], "pred": GUESSES, 1: [1, 1, 1]}[target]
    for title, guess, of in zip(titles, GUESSES, wanted, strict=True):
        assert f"p {high if guess == of else low:.2f}, drop 0.00" in title


@pytest.mark.parametrize("target", ["pred", 1])
def test_no_mark_without_labels(target: str | int) -> None:
    titles = make_panel_titles(result_of(target, None), "model", None)
    assert [title.splitlines()[0] for title in titles] == ["0", "2", "2"]


def test_titles_by_hand() -> None:
    (title,) = panel_titles([1], ["b"], labels=[1], confidences=[0.25], max_drops=[0.125])
    assert title == f"{RIGHT_MARK} b\np 0.25, drop 0.12"


def test_pictures_lie_between_0_and_1() -> None:
    images = torch.randn(2, 3, 4, 5)
    stretched = to_pictures(images, None)
    assert stretched.shape == (2, 4, 5, 3)
    assert (stretched.min(), stretched.max()) == (0, 1)
    inside = images.sigmoid()
    np.testing.assert_array_equal(to_pictures(inside, None), inside.permute(0, 2, 3, 1).numpy())
    mean, std = torch.tensor([0.2, 0.3, 0.4]), torch.tensor([0.5, 0.6, 0.7])
    again = to_pictures((inside - mean.view(3, 1, 1)) / std.view(3, 1, 1), (mean, std))
    np.testing.assert_allclose(again, to_pictures(inside, None), atol=1e-6)


@pytest.mark.parametrize("value", [-2.0, 5.0])
def test_an_image_of_one_value_is_a_picture_too(value: float) -> None:
    assert not to_pictures(torch.full((1, 1, 2, 3), value), None).any()
