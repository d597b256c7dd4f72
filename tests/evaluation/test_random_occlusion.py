"""Hidden windows against their definition pixel by pixel, and by hand."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from evaluation.random_pictures import pictures, seeded
from foveal.errors import UsageError
from foveal.evaluation.random_occlusion import occlude, window

SIZES = [(32, 32), (20, 40), (7, 13), (224, 160), (1, 9)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.77, 1.0])
def test_window_has_the_share_and_the_aspect_of_the_image(
    size: tuple[int, int], share: float
) -> None:
    height, width = window(size, share)
    wanted = share * size[0] * size[1]
    assert 1 <= height <= size[0]
    assert 1 <= width <= size[1]
    # Within half a column of the area and half a pixel of the height, but never empty.
    assert abs(height * width - wanted) <= max(height / 2, 1)
    assert abs(height - max(1, size[0] * share**0.5)) <= 0.5


def test_window_by_hand() -> None:
    assert window((32, 32), 0.5) == (23, 22)  # 22.6 rounds to 23, and 512 / 23 is 22.3
    assert window((32, 32), 0.1) == (10, 10)
    assert window((20, 40), 0.25) == (10, 20)
    assert window((20, 40), 1.0) == (20, 40)
    assert window((20, 40), 0.0) == (0, 0)


@pytest.mark.parametrize("size", [(32, 32), (20, 40), (7, 13)], ids=str)
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_each_image_loses_one_window(size: tuple[int, int], share: float) -> None:
    images = pictures(50, 3, *size)
    fill = torch.tensor([2.0, 3.0, 4.0]).view(3, 1, 1)  # no image has these values
    found = occlude(images, share, fill=fill, generator=seeded())
    hidden = found == fill
    for image, result, covered in zip(images, found, hidden, strict=True):
        rows, columns = covered[0].any(1), covered[0].any(0)
        assert torch.equal(covered, (rows[:, None] & columns).expand(3, *size))
        assert (int(rows.sum()), int(columns.sum())) == window(size, share)
        for side in (rows, columns):  # without gaps
            place = side.nonzero()
            assert int(place[-1] - place[0]) + 1 == len(place)
        assert torch.equal(result[~covered], image[~covered])


def test_windows_lie_everywhere_equally_often() -> None:
    images = torch.zeros(6000, 1, 4, 6)
    hidden = occlude(images, 0.25, fill=1.0, generator=seeded())[:, 0]  # 2 x 3
    top, left = hidden.any(2).int().argmax(1), hidden.any(1).int().argmax(1)
    counts = torch.bincount(top * 4 + left, minlength=12).numpy()  # 3 x 4 places
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("sizes", [[1] * 7, [2, 5], [4, 3]], ids=str)
def test_places_do_not_depend_on_batches(sizes: list[int]) -> None:
    images, source = pictures(7, 3, 15, 22), seeded()
    parts = [occlude(part, 0.2, fill=0.5, generator=source) for part in torch.split(images, sizes)]
    assert torch.equal(torch.cat(parts), occlude(images, 0.2, fill=0.5, generator=seeded()))


def test_share_zero_gives_the_image_back_as_a_copy() -> None:
    images = pictures(3, 3, 8, 9)
    found = occlude(images, 0.0, fill=float("nan"), generator=seeded())
    assert torch.equal(found, images)
    assert found.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_what_is_hidden_does_not_count(dtype: torch.dtype) -> None:
    images = torch.full((2, 3, 5, 6), float("inf"), dtype=dtype)
    images[1] = float("nan")
    found = occlude(images, 1.0, fill=0.25, generator=seeded())
    assert torch.equal(found, torch.full((2, 3, 5, 6), 0.25, dtype=dtype))


def test_occlusion_of_channels_last_is_the_same() -> None:
    images = pictures(3, 3, 8, 9)
    last = images.contiguous(memory_format=torch.channels_last)
    expected = occlude(images, 0.3, fill=0.0, generator=seeded())
    assert torch.equal(occlude(last, 0.3, fill=0.0, generator=seeded()), expected)


@pytest.mark.parametrize("fill", [torch.zeros(3), torch.zeros(2, 1, 1), torch.zeros(1, 3, 1, 1)])
def test_refuses_a_fill_of_another_shape(fill: Tensor) -> None:
    with pytest.raises(UsageError, match=r"`fill` should be a number or broadcastable to \(3, 1"):
        occlude(pictures(2, 3, 8, 9), 0.3, fill=fill, generator=seeded())


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_refuses_other_shares(share: float) -> None:
    with pytest.raises(UsageError, match=r"`share` should be in \[0, 1\]"):
        occlude(pictures(1, 3, 8, 9), share, fill=0.0, generator=seeded())


@pytest.mark.parametrize(
    "images",
    [torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(3, 8, 8)],
    ids=["uint8", "one"],
)
def test_refuses_what_are_no_images(images: Tensor) -> None:
    with pytest.raises(UsageError, match="`images` should be floating"):
        occlude(images, 0.5, fill=0.0, generator=seeded())
