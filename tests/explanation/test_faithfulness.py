"""Insertion and deletion, compared with closed forms and a loop over pixels."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import auc
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.explanation import make_random_maps, measure_faithfulness
from foveal.explanation.occlusion.fills import gaussian_blur


class RegionSum(nn.Module):
    """Two classes: the logit of class 0 is the sum of the pixels in a region, the other logit is 0."""

    def __init__(self, region: Tensor) -> None:
        super().__init__()
        self.region = region
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.clone())
        total = (x * self.region).sum((1, 2, 3))
        return torch.stack([total, torch.zeros_like(total)], 1)


def make_network(channels: int = 3, classes: int = 4) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, classes),
        )


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def compute_curves_in_loop(
    model: nn.Module, image: Tensor, fill: Tensor, label: int, ranking: np.ndarray, steps: int
) -> tuple[list[float], list[float]]:
    """Return insertion and deletion curves of one image, computed in a loop over pixels."""
    height, width = ranking.shape
    cells = [(y, x) for y in range(height) for x in range(width)]
    cells.sort(key=lambda cell: -ranking[cell])  # stable: ties keep their order
    curves: tuple[list[float], list[float]] = ([], [])
    for step in range(steps + 1):
        changed = cells[: step * height * width // steps]
        for curve, before, after in ((curves[0], fill, image), (curves[1], image, fill)):
            mixed = before.clone()
            for y, x in changed:
                mixed[:, y, x] = after[:, y, x]
            curve.append(float(model(mixed[None]).softmax(1)[0, label].detach()))
    return curves


@pytest.mark.parametrize(("count", "height", "width", "steps"), [(1, 7, 5, 6), (3, 4, 9, 36)])
def test_curves_match_loop_over_pixels(count: int, height: int, width: int, steps: int) -> None:
    model = make_network().eval()
    images, fill = (
        random_tensor(count, 3, height, width),
        random_tensor(count, 3, height, width, seed=1),
    )
    maps = random_tensor(count, height, width, seed=2).mul(2).round()  # with many ties
    labels = torch.arange(count)
    result = measure_faithfulness(model, images, labels, maps, fill=fill, steps=steps)
    for n in range(count):
        expected = compute_curves_in_loop(model, images[n], fill[n], n, maps[n].numpy(), steps)
        np.testing.assert_allclose(result.insertion[n], expected[0], atol=1e-6)
        np.testing.assert_allclose(result.deletion[n], expected[1], atol=1e-6)
        assert result.insertion_area[n] == pytest.approx(
            auc(result.fractions, expected[0]), abs=1e-6
        )
        assert result.deletion_area[n] == pytest.approx(
            auc(result.fractions, expected[1]), abs=1e-6
        )


def test_region_sum_matches_closed_form_and_ranks_correct_map_first() -> None:
    region = torch.zeros(5, 3)
    region[1:3, 1:] = 1  # 4 of 15 pixels
    model, images = RegionSum(region), torch.ones(2, 1, 5, 3)
    right = measure_faithfulness(model, images, [0, 0], region.expand(2, 5, 3), fill=0.0, steps=15)
    wrong = measure_faithfulness(model, images, [0, 0], -region.expand(2, 5, 3), fill=0.0, steps=15)
    n = np.arange(16)
    np.testing.assert_array_equal(right.fractions, n / 15)
    for row in range(2):
        np.testing.assert_allclose(right.insertion[row], 1 / (1 + np.exp(-n.clip(max=4))))
        np.testing.assert_allclose(right.deletion[row], 1 / (1 + np.exp(-(4 - n).clip(min=0))))
        np.testing.assert_allclose(wrong.insertion[row], 1 / (1 + np.exp(-(n - 11).clip(min=0))))
    assert (right.insertion_area > wrong.insertion_area + 0.2).all()
    assert (right.deletion_area < wrong.deletion_area - 0.2).all()
    noise = make_random_maps((200, 5, 3), window=1, seed=0)
    random_result = measure_faithfulness(
        model, images[:1].expand(200, -1, -1, -1), [0] * 200, noise, fill=0.0, steps=15
    )
    assert wrong.insertion_area[0] < random_result.insertion_area.mean() < right.insertion_area[0]
    assert right.deletion_area[0] < random_result.deletion_area.mean() < wrong.deletion_area[0]


@pytest.mark.parametrize(
    "fill",
    [
        None,
        0.5,
        (0.1, -0.2, 0.3),
        torch.tensor([0.1, -0.2, 0.3]),
        torch.tensor([0.1, -0.2, 0.3])[:, None, None],
        random_tensor(3, 5, 8),
        random_tensor(2, 3, 5, 8),
    ],
)
def test_curves_start_and_end_at_image_and_fill(fill: Any) -> None:
    model, images, labels = (
        make_network().eval(),
        random_tensor(2, 3, 5, 8, seed=1),
        torch.tensor([3, 1]),
    )
    result = measure_faithfulness(model, images, labels, random_tensor(2, 5, 8), fill=fill, steps=7)
    if fill is None:
        empty = gaussian_blur(images, 5 / 8)
    elif isinstance(fill, tuple):
        empty = torch.tensor(fill)[None, :, None, None].expand_as(images)
    elif isinstance(fill, Tensor) and fill.ndim == 1:
        empty = fill[None, :, None, None].expand_as(images)
    else:
        empty = torch.zeros_like(images) + fill
    with torch.no_grad():
        full, none = (model(x).softmax(1)[[0, 1], labels] for x in (images, empty))
    np.testing.assert_allclose(result.insertion[:, -1], full, atol=1e-6)
    np.testing.assert_allclose(result.deletion[:, 0], full, atol=1e-6)
    np.testing.assert_allclose(result.insertion[:, 0], none, atol=1e-6)
    np.testing.assert_allclose(result.deletion[:, -1], none, atol=1e-6)
    assert result.insertion.shape == result.deletion.shape == (2, 8)
    assert result.fractions.tolist() == [k * 40 // 7 / 40 for k in range(8)]


def test_constant_model_has_equal_areas() -> None:
    model = make_network()
    last = model[6]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    result = measure_faithfulness(
        model, random_tensor(3, 3, 5, 4), [0, 1, 2], random_tensor(3, 5, 4), steps=9
    )
    expected = last.bias.softmax(0)[:3].detach().numpy()
    np.testing.assert_allclose(result.insertion_area, expected, rtol=1e-6)
    np.testing.assert_allclose(result.deletion_area, expected, rtol=1e-6)


def test_order_of_ties_and_nan() -> None:
    model = RegionSum(torch.ones(2, 3))
    ranking = torch.tensor([[[torch.nan, -torch.inf, 2.0], [2.0, torch.inf, torch.nan]]])
    order = [(1, 1), (0, 2), (1, 0), (0, 1), (0, 0), (1, 2)]
    measure_faithfulness(model, torch.ones(1, 1, 2, 3), [0], ranking, fill=0.0, steps=6, chunk=100)
    inserted, deleted = model.seen
    for step in range(7):
        expected = torch.zeros(2, 3)
        for y, x in order[:step]:
            expected[y, x] = 1
        assert torch.equal(inserted[step, 0], expected)
        assert torch.equal(deleted[step, 0], 1 - expected)


@pytest.mark.parametrize("chunk", [1, 2, 5, 11, 1000])
def test_chunk_limits_passes_and_does_not_change_values(chunk: int) -> None:
    images, maps, labels = (
        random_tensor(4, 3, 5, 3),
        random_tensor(4, 5, 3),
        torch.tensor([0, 1, 2, 3]),
    )
    whole = measure_faithfulness(make_network(), images, labels, maps, steps=10, chunk=44)
    result = measure_faithfulness(make_network(), images, labels, maps, steps=10, chunk=chunk)
    np.testing.assert_allclose(result.insertion, whole.insertion, atol=1e-6)
    np.testing.assert_allclose(result.deletion, whole.deletion, atol=1e-6)
    model = RegionSum(torch.ones(5, 3))
    measure_faithfulness(model, images, [0] * 4, maps, steps=10, chunk=chunk)
    assert max(len(x) for x in model.seen) == min(chunk, 44)
    assert sum(len(x) for x in model.seen) == 2 * 44


class ClampedRegionSum(RegionSum):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.clamp(max=1))


def test_infinite_replaced_pixel_has_no_effect() -> None:
    images = torch.ones(1, 1, 3, 3)
    images[0, 0, 1, 1] = torch.inf
    ranking = -images[:, 0].clamp(max=2)  # the infinite pixel changes last
    result = measure_faithfulness(
        ClampedRegionSum(torch.ones(3, 3)), images, [0], ranking, fill=0.0, steps=9
    )
    np.testing.assert_allclose(result.insertion[0], 1 / (1 + np.exp(-np.arange(10.0))))


class NaNBelowThreshold(RegionSum):
    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return logits.masked_fill(logits[:, :1] < 2.5, torch.nan)


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize(("steps", "step", "share"), [(4, 3, "75%"), (2, 2, "100%")])
def test_error_names_image_and_step_of_nan(chunk: int, steps: int, step: int, share: str) -> None:
    model = NaNBelowThreshold(torch.ones(2, 2))
    images = torch.ones(2, 1, 2, 2)
    images[1, 0, 0, 0] = -2.0  # sums from the fill on: 8, 7, 6, 5, 4 and 8, 4, 3, 2, 1
    expected = f"for image 1 at step {step} of insertion, with {share} of the pixels changed"
    with pytest.raises(FovealError, match=expected):
        measure_faithfulness(
            model, images, [0, 0], torch.ones(2, 2, 2), fill=2.0, steps=steps, chunk=chunk
        )


def test_does_not_change_model_or_generators() -> None:
    model = make_network().train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    images = random_tensor(2, 3, 5, 4).requires_grad_()
    first = measure_faithfulness(model, images, [0, 1], random_tensor(2, 5, 4), steps=9)
    second = measure_faithfulness(
        model, images, [0, 1], make_random_maps((2, 5, 4), window=2, seed=0), steps=9
    )
    with pytest.raises(UsageError, match="labels"):
        measure_faithfulness(model, images, [0, 4], random_tensor(2, 5, 4), steps=9)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert images.grad is None
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.array_equal(first.insertion, second.insertion)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"images": random_tensor(3, 5, 4)}, "images"),
        ({"images": torch.zeros(2, 3, 5, 4, dtype=torch.uint8)}, "images"),
        ({"maps": random_tensor(2, 4, 5)}, "maps"),
        ({"maps": random_tensor(5, 4)}, "maps"),
        ({"labels": [0]}, "labels"),
        ({"labels": [0, -1]}, "labels"),
        ({"labels": [0.0, 1.0]}, "labels"),
        ({"labels": [0, 4]}, "labels"),
        ({"fill": torch.zeros(4)}, "fill"),
        ({"fill": torch.zeros(1, 2, 3, 5, 4)}, "fill"),
        ({"steps": 0}, "steps"),
        ({"steps": 21}, "steps"),
        ({"chunk": 0}, "chunk"),
    ],
)
def test_refuses_invalid_arguments(changed: dict[str, Any], name: str) -> None:
    arguments: dict[str, Any] = {
        "images": random_tensor(2, 3, 5, 4),
        "labels": [0, 1],
        "maps": random_tensor(2, 5, 4),
        "steps": 20,
    } | changed
    with pytest.raises(UsageError, match=f"Parameter `{name}`"):
        measure_faithfulness(make_network(), **arguments)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_casts_images_to_model_dtype(dtype: torch.dtype) -> None:
    images, maps = random_tensor(2, 3, 5, 4).bfloat16().float(), random_tensor(2, 5, 4)
    model = make_network().to(dtype)
    result = measure_faithfulness(model, images, [0, 1], maps, fill=0.0, steps=5)
    same = measure_faithfulness(model, images.to(dtype), [0, 1], maps, fill=0.0, steps=5)
    np.testing.assert_array_equal(result.insertion, same.insertion)
    plain = measure_faithfulness(make_network(), images, [0, 1], maps, fill=0.0, steps=5)
    np.testing.assert_allclose(result.deletion, plain.deletion, atol=0.02)


def test_refuses_output_that_is_not_logits() -> None:
    with pytest.raises(
        FovealError, match=r"logits of shape \(9, K\) for 9 images. Found \(9, 3, 2, 4\)"
    ):
        measure_faithfulness(
            nn.Identity(), random_tensor(1, 3, 2, 4), [0], random_tensor(1, 2, 4), steps=8
        )
