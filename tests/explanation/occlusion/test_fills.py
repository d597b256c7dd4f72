"""Fills, compared with colors by hand and the Gaussian filter of SciPy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from explanation.small_networks import AnySize, LinearModel, random_images
from foveal.errors import UsageError
from foveal.explanation import occlusion_sensitivity
from foveal.explanation.occlusion.fills import gaussian_blur


def blur_with_scipy(images: Tensor, sigma: float) -> npt.NDArray[np.float64]:
    """Return images blurred by SciPy, with the weights inside the image scaled to a sum of 1."""
    reach: dict[str, Any] = {"mode": "constant", "truncate": 40.0, "axes": (2, 3)}
    double = images.double().numpy()
    sums, weights = (gaussian_filter(x, sigma, **reach) for x in (double, np.ones_like(double)))
    return np.asarray(sums / weights)


def test_fills_in_image_space() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
    m, s = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    shape = (3, 8, 8)
    model = LinearModel(shape)
    pixels = random_images(2, *shape)
    images = (pixels - m) / s

    def get_drop(fill: Any) -> Tensor:
        result = occlusion_sensitivity(
            model, images, [0, 1], window=8, fill=fill, score="logit", normalization=(mean, std)
        )
        return result.grid().view(2)

    def compute_expected_drop(color: Tensor) -> Tensor:
        occluded = ((color - m) / s).expand(2, *shape)
        drop: Tensor = (model(images) - model(occluded)).detach()
        return drop[[0, 1], [0, 1]]

    colors = {
        "mean": m,
        "black": torch.zeros(3, 1, 1),
        "gray": torch.full((3, 1, 1), 0.5),
        "image-mean": pixels.mean((2, 3), keepdim=True),
    }
    for name, color in colors.items():
        torch.testing.assert_close(
            get_drop(name), compute_expected_drop(color), atol=1e-3, rtol=1e-4
        )
    custom = torch.tensor([0.2, 0.6, 0.1]).view(3, 1, 1)
    torch.testing.assert_close(
        get_drop((custom - m) / s), compute_expected_drop(custom), atol=1e-3, rtol=1e-4
    )


def test_color_fill_needs_normalization() -> None:
    with pytest.raises(UsageError, match="normalization="):
        occlusion_sensitivity(AnySize(), random_images(1, 3, 8, 8), [0], fill="black")


def get_occluded_inputs(fill: str, images: Tensor, normalization: Any) -> Tensor:
    """Return the occluded images that a model gets, with windows of the whole image."""

    class Recording(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            self.seen = x
            return x.mean((2, 3))

    model, (height, width) = Recording(), images.shape[2:]
    occlusion_sensitivity(
        model, images, [0] * len(images), window=(height, width), fill=fill, chunk=100,
        normalization=normalization,
    )  # fmt: skip
    return model.seen[1::2]


@pytest.mark.parametrize("trivial", [(0, 1), ((0.0,) * 3, (1.0,) * 3), (torch.zeros(3), 1)])
def test_identity_normalization_uses_statistics_of_images(trivial: Any) -> None:
    images = 0.2 + 0.5 * random_images(4, 3, 30, 21)
    color = torch.from_numpy(images.double().numpy().mean((0, 2, 3))).view(1, 3, 1, 1)
    mean = get_occluded_inputs("mean", images, trivial)
    torch.testing.assert_close(mean, color.float().expand_as(images))
    assert torch.equal(get_occluded_inputs("mean", images, None), mean)
    assert not get_occluded_inputs("black", images, trivial).any()
    assert bool((get_occluded_inputs("gray", images, trivial) == 0.5).all())
    noise, plain = (
        get_occluded_inputs("noise", images, trivial),
        get_occluded_inputs("noise", images, None),
    )
    assert torch.equal(noise, plain)
    deviation = torch.from_numpy(images.numpy().std((0, 2, 3))).view(1, 3, 1, 1)
    standard = get_occluded_inputs("noise", images, ((0.5,) * 3, (0.2,) * 3))
    assert standard.std() == pytest.approx(1, abs=0.05)
    assert standard.mean() == pytest.approx(0, abs=0.1)
    torch.testing.assert_close(noise, color.float() + standard * deviation, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fill", ["mean", "black", "gray", "image-mean", "blur", "noise", 0.0])
@pytest.mark.parametrize(
    "normalization",
    [((0.5, 0.5), (0.2, 0.2)), ((0.5,) * 3, (0.2,) * 4), ((0.5,) * 3,), 3, (0.5, 0.0), ("a", "b")],
)
def test_refuses_invalid_normalization(fill: Any, normalization: Any) -> None:
    with pytest.raises(UsageError, match="`normalization` should be mean and std above 0"):
        occlusion_sensitivity(
            AnySize(), random_images(1, 3, 8, 8), [0], fill=fill, normalization=normalization
        )


def test_blur_fill_has_sigma_of_half_window() -> None:
    model, images = LinearModel((2, 9, 14)), random_images(3, 2, 9, 14)
    result = occlusion_sensitivity(
        model, images, [0, 1, 2], window=(9, 14), stride=(9, 14), fill="blur", score="logit"
    )
    plain = torch.from_numpy(blur_with_scipy(images, 14 / 2)).float()
    expected = (model(images) - model(plain)).detach().diagonal()
    torch.testing.assert_close(result.grid().view(3), expected, atol=1e-4, rtol=1e-4)
    assert expected.abs().min() > 0.01


@pytest.mark.parametrize("sigma", [0.4, 1.5, 20.0])
def test_gaussian_blur_matches_scipy_without_padding(sigma: float) -> None:
    images = random_images(2, 3, 9, 14).double()
    np.testing.assert_allclose(
        gaussian_blur(images, sigma), blur_with_scipy(images, sigma), atol=1e-10
    )
    np.testing.assert_allclose(gaussian_blur(torch.full((1, 1, 5, 3), 0.7), sigma), 0.7, rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_invalid_sigma(sigma: float) -> None:
    with pytest.raises(UsageError, match="sigma"):
        gaussian_blur(random_images(1, 1, 3, 3), sigma)
