"""What hides a part of an image, against colors by hand and the filter of scipy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from explanation.small_networks import AnySize, LinearModel, some_images
from foveal.errors import UsageError
from foveal.explanation import occlusion_sensitivity
from foveal.explanation.occlusion.fills import gaussian_blur


def smoothed(images: Tensor, sigma: float) -> npt.NDArray[np.float64]:
    """Blur as far as the image goes by scipy, the weights scaled to a sum of 1."""
    reach: dict[str, Any] = {"mode": "constant", "truncate": 40.0, "axes": (2, 3)}
    double = images.double().numpy()
    sums, weights = (gaussian_filter(x, sigma, **reach) for x in (double, np.ones_like(double)))
    return np.asarray(sums / weights)


def test_fills_in_image_space() -> None:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
    m, s = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    shape = (3, 8, 8)
    model = LinearModel(shape)
    pixels = some_images(2, *shape)
    images = (pixels - m) / s

    def found(fill: Any) -> Tensor:
        result = occlusion_sensitivity(
            model, images, [0, 1], window=8, fill=fill, score="logit", normalization=(mean, std)
        )
        return result.grid().view(2)

    def expected(color: Tensor) -> Tensor:
        hidden = ((color - m) / s).expand(2, *shape)
        fall: Tensor = (model(images) - model(hidden)).detach()
        return fall[[0, 1], [0, 1]]

    colors = {
        "mean": m,
        "black": torch.zeros(3, 1, 1),
        "gray": torch.full((3, 1, 1), 0.5),
        "image-mean": pixels.mean((2, 3), keepdim=True),
    }
    for name, color in colors.items():
        torch.testing.assert_close(found(name), expected(color), atol=1e-3, rtol=1e-4)
    own = torch.tensor([0.2, 0.6, 0.1]).view(3, 1, 1)
    torch.testing.assert_close(found((own - m) / s), expected(own), atol=1e-3, rtol=1e-4)


def test_no_color_without_a_normalization() -> None:
    with pytest.raises(UsageError, match="normalization="):
        occlusion_sensitivity(AnySize(), some_images(1, 3, 8, 8), [0], fill="black")


def shown(fill: str, images: Tensor, normalization: Any) -> Tensor:
    """Return what stands under the window, as a model sees it."""

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
def test_images_in_image_space_have_a_mean_of_their_own(trivial: Any) -> None:
    images = 0.2 + 0.5 * some_images(4, 3, 30, 21)
    color = torch.from_numpy(images.double().numpy().mean((0, 2, 3))).view(1, 3, 1, 1)
    mean = shown("mean", images, trivial)
    torch.testing.assert_close(mean, color.float().expand_as(images))
    assert torch.equal(shown("mean", images, None), mean)
    assert not shown("black", images, trivial).any()
    assert bool((shown("gray", images, trivial) == 0.5).all())
    noise, plain = shown("noise", images, trivial), shown("noise", images, None)
    assert torch.equal(noise, plain)
    deviation = torch.from_numpy(images.numpy().std((0, 2, 3))).view(1, 3, 1, 1)
    standard = shown("noise", images, ((0.5,) * 3, (0.2,) * 3))
    assert standard.std() == pytest.approx(1, abs=0.05)
    assert standard.mean() == pytest.approx(0, abs=0.1)
    torch.testing.assert_close(noise, color.float() + standard * deviation, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fill", ["mean", "black", "gray", "image-mean", "blur", "noise", 0.0])
@pytest.mark.parametrize(
    "normalization",
    [((0.5, 0.5), (0.2, 0.2)), ((0.5,) * 3, (0.2,) * 4), ((0.5,) * 3,), 3, (0.5, 0.0), ("a", "b")],
)
def test_a_normalization_that_does_not_fit_is_refused(fill: Any, normalization: Any) -> None:
    with pytest.raises(UsageError, match="`normalization` should be mean and std above 0"):
        occlusion_sensitivity(
            AnySize(), some_images(1, 3, 8, 8), [0], fill=fill, normalization=normalization
        )


def test_a_blur_of_half_a_window_hides() -> None:
    model, images = LinearModel((2, 9, 14)), some_images(3, 2, 9, 14)
    found = occlusion_sensitivity(
        model, images, [0, 1, 2], window=(9, 14), stride=(9, 14), fill="blur", score="logit"
    )
    plain = torch.from_numpy(smoothed(images, 14 / 2)).float()
    expected = (model(images) - model(plain)).detach().diagonal()
    torch.testing.assert_close(found.grid().view(3), expected, atol=1e-4, rtol=1e-4)
    assert expected.abs().min() > 0.01


@pytest.mark.parametrize("sigma", [0.4, 1.5, 20.0])
def test_blurred_is_the_filter_of_scipy_without_anything_outside(sigma: float) -> None:
    images = some_images(2, 3, 9, 14).double()
    np.testing.assert_allclose(gaussian_blur(images, sigma), smoothed(images, sigma), atol=1e-10)
    np.testing.assert_allclose(gaussian_blur(torch.full((1, 1, 5, 3), 0.7), sigma), 0.7, rtol=1e-6)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_a_blur_needs_a_width(sigma: float) -> None:
    with pytest.raises(UsageError, match="sigma"):
        gaussian_blur(some_images(1, 1, 3, 3), sigma)
