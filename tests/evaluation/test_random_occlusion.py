"""Random occlusion compared with its definition pixel by pixel, and by hand."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from evaluation.random_images import make_generator, make_images
from foveal.errors import UsageError
from foveal.evaluation.random_occlusion import compute_window_size, occlude_randomly

SIZES = [(32, 32), (20, 40), (7, 13), (224, 160), (1, 9)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.77, 1.0])
def test_window_has_the_given_area_and_the_aspect_ratio_of_the_image(
    size: tuple[int, int], fraction: float
) -> None:
    height, width = compute_window_size(size, fraction)
    area = fraction * size[0] * size[1]
    assert 1 <= height <= size[0]
    assert 1 <= width <= size[1]
    # Within half a column of the area and half a pixel of the height, but never empty.
    assert abs(height * width - area) <= max(height / 2, 1)
    assert abs(height - max(1, size[0] * fraction**0.5)) <= 0.5


def test_window_by_hand() -> None:
    assert compute_window_size((32, 32), 0.5) == (23, 22)  # 22.6 rounds to 23, and 512 / 23 is 22.3
    assert compute_window_size((32, 32), 0.1) == (10, 10)
    assert compute_window_size((20, 40), 0.25) == (10, 20)
    assert compute_window_size((20, 40), 1.0) == (20, 40)
    assert compute_window_size((20, 40), 0.0) == (0, 0)


@pytest.mark.parametrize("size", [(32, 32), (20, 40), (7, 13)], ids=str)
@pytest.mark.parametrize("fraction", [0.1, 0.5, 1.0])
def test_hides_one_window_in_each_image(size: tuple[int, int], fraction: float) -> None:
    images = make_images(50, 3, *size)
    fill = torch.tensor([2.0, 3.0, 4.0]).view(3, 1, 1)  # no image has these values
    occluded = occlude_randomly(images, fraction, fill=fill, generator=make_generator())
    hidden = occluded == fill
    for image, result, mask in zip(images, occluded, hidden, strict=True):
        rows, columns = mask[0].any(1), mask[0].any(0)
        assert torch.equal(mask, (rows[:, None] & columns).expand(3, *size))
        assert (int(rows.sum()), int(columns.sum())) == compute_window_size(size, fraction)
        for side in (rows, columns):  # contiguous
            indices = side.nonzero()
            assert int(indices[-1] - indices[0]) + 1 == len(indices)
        assert torch.equal(result[~mask], image[~mask])


def test_window_positions_are_uniform() -> None:
    images = torch.zeros(6000, 1, 4, 6)
    hidden = occlude_randomly(images, 0.25, fill=1.0, generator=make_generator())[:, 0]  # 2 x 3
    top, left = hidden.any(2).int().argmax(1), hidden.any(1).int().argmax(1)
    counts = torch.bincount(top * 4 + left, minlength=12).numpy()  # 3 x 4 positions
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("sizes", [[1] * 7, [2, 5], [4, 3]], ids=str)
def test_positions_are_independent_of_the_batch_size(sizes: list[int]) -> None:
    images, generator = make_images(7, 3, 15, 22), make_generator()
    batches = [
        occlude_randomly(batch, 0.2, fill=0.5, generator=generator)
        for batch in torch.split(images, sizes)
    ]
    assert torch.equal(
        torch.cat(batches), occlude_randomly(images, 0.2, fill=0.5, generator=make_generator())
    )


def test_fraction_zero_returns_a_copy() -> None:
    images = make_images(3, 3, 8, 9)
    occluded = occlude_randomly(images, 0.0, fill=float("nan"), generator=make_generator())
    assert torch.equal(occluded, images)
    assert occluded.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_hidden_inf_and_nan_have_no_effect(dtype: torch.dtype) -> None:
    images = torch.full((2, 3, 5, 6), float("inf"), dtype=dtype)
    images[1] = float("nan")
    occluded = occlude_randomly(images, 1.0, fill=0.25, generator=make_generator())
    assert torch.equal(occluded, torch.full((2, 3, 5, 6), 0.25, dtype=dtype))


def test_memory_format_has_no_effect() -> None:
    images = make_images(3, 3, 8, 9)
    last = images.contiguous(memory_format=torch.channels_last)
    expected = occlude_randomly(images, 0.3, fill=0.0, generator=make_generator())
    assert torch.equal(occlude_randomly(last, 0.3, fill=0.0, generator=make_generator()), expected)


@pytest.mark.parametrize("fill", [torch.zeros(3), torch.zeros(2, 1, 1), torch.zeros(1, 3, 1, 1)])
def test_refuses_fill_with_wrong_shape(fill: Tensor) -> None:
    with pytest.raises(UsageError, match=r"`fill` should be a number or broadcastable to \(3, 1"):
        occlude_randomly(make_images(2, 3, 8, 9), 0.3, fill=fill, generator=make_generator())


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_refuses_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(UsageError, match=r"`fraction` should be from 0 to 1"):
        occlude_randomly(make_images(1, 3, 8, 9), fraction, fill=0.0, generator=make_generator())


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8)],
    ids=["uint8", "one"],
)
def test_refuses_tensors_that_are_not_images(images: Tensor) -> None:
    with pytest.raises(UsageError, match="`images` should be floating"):
        occlude_randomly(images, 0.5, fill=0.0, generator=make_generator())
