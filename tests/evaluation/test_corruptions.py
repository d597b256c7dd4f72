"""Corruptions compared with scipy, Pillow and hand calculations, with the parameters of the paper."""

from __future__ import annotations

import math
import os
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy import integrate, stats
from scipy.ndimage import gaussian_filter
from torch import Tensor

from evaluation.random_images import make_generator, make_images
from foveal.errors import UsageError
from foveal.evaluation import CORRUPTIONS, corrupt_images

SMALL: dict[str, list[float]] = {
    "noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    "blur": [0.4, 0.6, 0.7, 0.8, 1],
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    "pixelate": [0.95, 0.9, 0.85, 0.75, 0.65],
    "jpeg": [80, 65, 58, 50, 40],
}
LARGE: dict[str, list[float]] = {
    "noise": [0.08, 0.12, 0.18, 0.26, 0.38],
    "blur": [1, 2, 3, 4, 6],
    "contrast": [0.4, 0.3, 0.2, 0.1, 0.05],
    "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
    "jpeg": [25, 18, 15, 10, 7],
}
SHAPES = [(2, 3, 32, 32), (3, 1, 9, 14), (1, 3, 64, 21), (1, 3, 65, 33), (1, 1, 224, 224)]
SEVERITIES = range(1, 6)


def get_amount(kind: str, severity: int, images: Tensor) -> float:
    table = SMALL if max(images.shape[2:]) <= 64 else LARGE
    return table[kind][severity - 1]


def corrupt_planes(images: Tensor, kind: str, value: float) -> npt.NDArray[np.float64]:
    """Return the images with each channel corrupted by scipy, numpy or Pillow, in floating point."""
    planes = images.numpy().astype(np.float64).copy()
    height, width = planes.shape[2:]
    for plane in planes.reshape(-1, height, width):
        if kind == "blur":
            plane[:] = gaussian_filter(plane, value, mode="nearest", truncate=4.0)
        elif kind == "contrast":
            plane[:] = plane.mean() + value * (plane - plane.mean())
        else:
            image = Image.fromarray(plane.astype(np.float32))
            small = (max(1, int(width * value)), max(1, int(height * value)))
            shrunk = image.resize(small, Image.Resampling.BOX)
            plane[:] = np.asarray(shrunk.resize((width, height), Image.Resampling.BOX))
    return planes


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("kind", ["blur", "contrast", "pixelate"])
def test_equals_scipy_numpy_and_pillow(
    kind: str, severity: int, shape: tuple[int, int, int, int]
) -> None:
    images = make_images(*shape)
    expected = corrupt_planes(images, kind, get_amount(kind, severity, images))
    assert np.abs(expected - images.numpy()).max() > 0.01
    np.testing.assert_allclose(corrupt_images(images, kind, severity).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_jpeg_equals_a_round_trip_through_pillow(
    severity: int, shape: tuple[int, int, int, int]
) -> None:
    images = make_images(*shape)
    corrupted = corrupt_images(images, "jpeg", severity)
    for image, result in zip(images, corrupted, strict=True):
        pixels = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        file = BytesIO()
        Image.fromarray(pixels.squeeze(2) if shape[1] == 1 else pixels).save(
            file, "JPEG", quality=get_amount("jpeg", severity, images)
        )
        expected = np.asarray(Image.open(file)).reshape(pixels.shape)
        assert (expected != pixels).any()
        np.testing.assert_array_equal((result.permute(1, 2, 0) * 255).round().numpy(), expected)
        np.testing.assert_allclose(result.permute(1, 2, 0).numpy(), expected / 255, atol=1e-7)


def test_jpeg_rounds_to_the_nearest_8_bit_value() -> None:
    whole = (make_images(1, 3, 16, 16) * 253).round() + 1
    expected = corrupt_images(whole / 255, "jpeg", 1)
    for offset in (-0.4, 0.4):
        assert torch.equal(corrupt_images((whole + offset) / 255, "jpeg", 1), expected)


def test_contrast_by_hand() -> None:
    images = torch.tensor([[[[0.2, 0.6]], [[1.0, 0.0]]]])  # means 0.4 and 0.5, factor 0.15
    expected = [[[[0.37, 0.43]], [[0.575, 0.425]]]]
    np.testing.assert_allclose(corrupt_images(images, "contrast", 5).numpy(), expected, atol=1e-7)


def test_pixelate_by_hand() -> None:
    images = torch.arange(8.0).div(8).expand(1, 1, 3, 8)  # to 1 row and 5 columns
    means = [0.5, 0.5, 2, 3.5, 3.5, 5, 6.5, 6.5]  # of 0 1 | 2 | 3 4 | 5 | 6 7
    corrupted = corrupt_images(images, "pixelate", 5)
    np.testing.assert_allclose(corrupted.numpy(), np.tile(np.array(means) / 8, (1, 1, 3, 1)))


@pytest.mark.parametrize("level", [0.5, 0.03, 1.0])
@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize("side", [32, 72])
def test_moments_of_clipped_noise(side: int, severity: int, level: float) -> None:
    images = torch.full((40 * 32**2 // side**2, 3, side, side), level, dtype=torch.float64)
    corrupted = corrupt_images(
        images, "noise", severity, generator=make_generator(severity)
    ).numpy()
    sigma = get_amount("noise", severity, images)

    def moment(power: int) -> float:
        def integrand(z: float) -> float:
            density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            return min(max(level + sigma * z, 0.0), 1.0) ** power * density

        edges = sorted({-8.0, 8.0, *np.clip([-level / sigma, (1 - level) / sigma], -8, 8)})
        return float(sum(integrate.quad(integrand, *piece)[0] for piece in pairwise(edges)))

    spread = np.sqrt(moment(2) - moment(1) ** 2)
    # Five standard errors of the mean; the error of the standard deviation is of the same order.
    assert corrupted.mean() == pytest.approx(moment(1), abs=5 * spread / np.sqrt(corrupted.size))
    assert corrupted.std() == pytest.approx(spread, rel=0.02)


def test_noise_is_normal_and_independent_between_images_and_channels() -> None:
    images = torch.full((4, 3, 48, 48), 0.5)
    noise = (
        corrupt_images(images, "noise", 1, generator=make_generator()).sub(0.5).div(0.04).numpy()
    )
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-4
    between = np.corrcoef(noise.reshape(12, -1)) - np.eye(12)
    assert np.abs(between).max() < 5 / 48


def test_noise_depends_only_on_the_generator() -> None:
    images = make_images(3, 3, 8, 8)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = corrupt_images(images, "noise", 3, generator=make_generator(5))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(corrupt_images(images, "noise", 3, generator=make_generator(5)), first)
    assert not torch.equal(corrupt_images(images, "noise", 3, generator=make_generator(6)), first)


@pytest.mark.parametrize("shape", [(7, 3, 9, 13), (5, 1, 32, 32), (3, 3, 70, 41)], ids=str)
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_result_is_bitwise_independent_of_the_batch_size(
    kind: str, shape: tuple[int, int, int, int]
) -> None:
    images = make_images(*shape)
    whole = corrupt_images(images, kind, 4, generator=make_generator())
    for size in (1, 2, 3):
        generator = make_generator()
        batches = [
            corrupt_images(batch, kind, 4, generator=generator)
            for batch in torch.split(images, size)
        ]
        assert torch.equal(torch.cat(batches), whole)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_result_is_bitwise_independent_of_the_memory_layout(kind: str) -> None:
    images = make_images(4, 3, 10, 17)
    expected = corrupt_images(images, kind, 3, generator=make_generator())
    last = images.contiguous(memory_format=torch.channels_last)
    view = images.flip(3).transpose(2, 3).contiguous().transpose(2, 3).flip(3)
    for same_images in (last, view):
        assert torch.equal(
            corrupt_images(same_images, kind, 3, generator=make_generator()), expected
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_keeps_dtype_shape_range_and_input(kind: str, dtype: torch.dtype) -> None:
    images = make_images(2, 3, 12, 20).to(dtype).requires_grad_()
    before = images.detach().clone()
    for severity in SEVERITIES:
        corrupted = corrupt_images(images, kind, severity, generator=make_generator())
        exact = corrupt_images(before.double(), kind, severity, generator=make_generator())
        assert corrupted.dtype == dtype
        assert corrupted.shape == images.shape
        assert not corrupted.requires_grad
        assert 0 <= corrupted.min() <= corrupted.max() <= 1
        # Half a unit in the last place.
        assert (corrupted.double() - exact).abs().max() <= torch.finfo(dtype).eps / 2 + 1e-6
        assert torch.equal(images, before)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_accepts_an_image_of_one_pixel(kind: str) -> None:
    image = torch.full((1, 1, 1, 1), 102 / 255)
    corrupted = corrupt_images(image, kind, 5, generator=make_generator())
    if kind == "noise":
        assert corrupted != image
    else:
        assert corrupted.item() == pytest.approx(
            0.4, abs=2 / 255
        )  # one quantization step of JPEG is 2.5 here


@pytest.fixture(scope="module")
def real_images() -> Tensor:
    if "FOVEAL_DATA" not in os.environ:
        pytest.skip("FOVEAL_DATA, the folder of cifar10/ and cifar100/, is not set")
    import pyarrow.parquet as parquet

    folder = Path(os.environ["FOVEAL_DATA"]) / "cifar10" / "data"
    (shard,) = folder.glob("test-*.parquet")
    rows = next(parquet.ParquetFile(shard).iter_batches(128, columns=["img"])).to_pylist()
    pixels = [np.asarray(Image.open(BytesIO(row["img"]["bytes"]))) for row in rows]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_higher_severities_change_real_images_more(kind: str, real_images: Tensor) -> None:
    distances = [
        float(
            (corrupt_images(real_images, kind, severity, generator=make_generator()) - real_images)
            .square()
            .mean()
        )
        for severity in SEVERITIES
    ]
    assert distances[0] > 0
    assert distances == sorted(set(distances))


def test_only_jpeg_refuses_four_channels() -> None:
    images = make_images(2, 4, 8, 8)
    with pytest.raises(UsageError, match=r"of 1 or 3 channels for `jpeg`.*Found `images = 4`"):
        corrupt_images(images, "jpeg", 1)
    for kind in set(CORRUPTIONS) - {"jpeg"}:
        assert corrupt_images(images, kind, 1, generator=make_generator()).shape == images.shape


@pytest.mark.parametrize("severity", [0, 6, -1, 2.5])
def test_refuses_severity_out_of_range(severity: int) -> None:
    with pytest.raises(UsageError, match="`severity` should be a whole number from 1 to 5"):
        corrupt_images(make_images(1, 3, 8, 8), "blur", severity)


def test_refuses_unknown_kind_and_noise_without_generator() -> None:
    with pytest.raises(UsageError, match=r"no corruption 'blurr'. Did you mean 'blur'"):
        corrupt_images(make_images(1, 3, 8, 8), "blurr", 1)
    with pytest.raises(UsageError, match=r"`generator` should be a torch.Generator for `noise`"):
        corrupt_images(make_images(1, 3, 8, 8), "noise", 1)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_refuses_values_out_of_range(value: float) -> None:
    images = make_images(1, 3, 8, 8)
    images[0, 1, 2, 3] = value
    with pytest.raises(UsageError, match=r"`images` should be in \[0, 1\]"):
        corrupt_images(images, "blur", 1)


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(3, 8, 8),
        torch.zeros(0, 3, 8, 8),
    ],
    ids=["whole numbers", "one image", "none"],
)
def test_refuses_tensors_that_are_not_images(images: Tensor) -> None:
    with pytest.raises(UsageError, match="`images` should be floating"):
        corrupt_images(images, "blur", 1)
