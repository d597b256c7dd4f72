"""Figure of an occlusion result: panel titles, pictures, columns and errors."""

import numpy as np
import pytest
import torch

from explanation.small_networks import AnySize
from foveal.errors import UsageError
from foveal.explanation import OcclusionResult, occlusion_sensitivity
from foveal.explanation.occlusion.result_figure import to_pictures
from foveal.explanation.occlusion.windows import make_windows
from foveal.plotting.captions import RIGHT_MARK, WRONG_MARK, format_panel_titles

LABELS = torch.tensor([0, 1, 2])
PREDICTIONS = [0, 2, 2]  # right, wrong, right
CLASSES = ["cat", "dog", "owl"]


def make_result(target: str | int, labels: torch.Tensor | None) -> OcclusionResult:
    windows = make_windows((4, 6), window=2, stride=2)
    plain = torch.nn.functional.one_hot(torch.tensor(PREDICTIONS), 3).float()
    logits = plain[None, :, None].expand(1, 3, 1 + windows.count, 3).contiguous()
    return OcclusionResult({"model": logits}, windows, ("mean",), labels, target, "prob")


@pytest.mark.parametrize("target", ["label", "pred", 1])
def test_mark_shows_correct_and_wrong_predictions(target: str | int) -> None:
    titles = make_result(target, LABELS).panel_titles("model", CLASSES)
    firsts = [title.splitlines()[0] for title in titles]
    assert firsts == [f"{RIGHT_MARK} cat", f"{WRONG_MARK} owl", f"{RIGHT_MARK} owl"]
    # The confidence is that of the target class.
    high, low = np.exp([1, 0]) / (np.e + 2)
    wanted = {"label": [0, 1, 2], "pred": PREDICTIONS, 1: [1, 1, 1]}[target]
    for title, guess, of in zip(titles, PREDICTIONS, wanted, strict=True):
        assert f"p {high if guess == of else low:.2f}, drop 0.00" in title


@pytest.mark.parametrize("target", ["pred", 1])
def test_no_mark_without_labels(target: str | int) -> None:
    titles = make_result(target, None).panel_titles("model", None)
    assert [title.splitlines()[0] for title in titles] == ["0", "2", "2"]


def test_title_by_hand() -> None:
    (title,) = format_panel_titles([1], ["b"], labels=[1], confidences=[0.25], max_drops=[0.125])
    assert title == f"{RIGHT_MARK} b\np 0.25, drop 0.12"


def test_pictures_are_between_0_and_1() -> None:
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
def test_constant_image_becomes_black(value: float) -> None:
    assert not to_pictures(torch.full((1, 1, 2, 3), value), None).any()


@pytest.mark.parametrize("target", ["label", "pred", 4])
def test_figure_has_maps_names_and_settings(target: str | int) -> None:
    models = {name: AnySize() for name in ("none", "cbam")}
    images = torch.randn(2, 3, 32, 32)
    result = occlusion_sensitivity(models, images, [1, 2], target=target)
    figure = result.plot(
        images,
        classes=[f"class {k}" for k in range(10)],
        normalization=((0.5,) * 3, (0.25,) * 3),
        difference=("cbam", "none"),
    )
    labels = [axes.get_ylabel() for axes in figure.axes]
    text = "\n".join([*labels, figure.get_supxlabel()])
    for word in ("window 8 x 8", "stride 4 x 4", "fill mean", "score prob", "target", "class 2"):
        assert word in text
    assert len(figure.axes) == 2 * 4 + 1


def test_refuses_images_of_another_sweep() -> None:
    images = torch.randn(2, 3, 32, 32)
    result = occlusion_sensitivity(AnySize(), images, [1, 2])
    for other in (images[:1], torch.cat((images, images)), images[:, :, :31], images[0]):
        with pytest.raises(UsageError, match="`images` should be"):
            result.plot(other)
    with pytest.raises(UsageError, match="`normalization` should be"):
        result.plot(images, normalization=((0.5,) * 2, (0.5,) * 2))


@pytest.mark.parametrize("target", ["label", "all"])
def test_html_has_a_row_per_model(target: str) -> None:
    images, labels = torch.rand(3, 3, 9, 12), torch.tensor([0, 1, 2])
    models = {"none": AnySize(), "<b>": AnySize()}
    result = occlusion_sensitivity(models, images, labels, window=3, stride=3, target=target)
    html = result._repr_html_()
    assert len(html) < 1000
    assert html.count("<tr>") == 3
    assert "<b>" not in html
    confidence = f">{100 * float(result.probabilities('none')[range(3), labels].mean()):.1f}</td>"
    assert (confidence in html) == (target == "label")
