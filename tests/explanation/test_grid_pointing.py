"""Grid canvases: cells compared with a loop and Pillow, labels, distribution of cells and images."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chisquare

from foveal.errors import UsageError
from foveal.explanation.grid_pointing import GridCanvas, make_grid_canvas
from foveal.explanation.localization import measure_localization

Images = NDArray[np.uint8]


def random_images(count: int, height: int, width: int, channels: int = 3) -> Images:
    generator = np.random.default_rng(3)
    return generator.integers(0, 256, (count, height, width, channels), np.uint8)


def shrink_in_loop(image: Images, down: int, across: int) -> Images:
    """Return one image averaged over boxes in a loop of integers, halves rounded up."""
    size = down * across
    out = np.empty((image.shape[0] // down, image.shape[1] // across, image.shape[2]), np.uint8)
    for y, x, c in np.ndindex(out.shape):
        box = image[y * down : (y + 1) * down, x * across : (x + 1) * across, c]
        out[y, x, c] = (2 * sum(box.ravel().tolist()) + size) // (2 * size)
    return out


def split_cells(image: NDArray[Any], down: int, across: int) -> list[NDArray[Any]]:
    return [cell for row in np.split(image, down, axis=0) for cell in np.split(row, across, axis=1)]


def find_target_cells(canvases: GridCanvas, down: int, across: int) -> NDArray[np.int64]:
    """Return the index of the cell of each mask; fail if a mask is not exactly one cell."""
    is_full = [[cell.all() for cell in split_cells(mask, down, across)] for mask in canvases.masks]
    is_touched = [
        [cell.any() for cell in split_cells(mask, down, across)] for mask in canvases.masks
    ]
    np.testing.assert_array_equal(is_full, is_touched)
    assert (np.sum(is_full, axis=1) == 1).all()
    return np.asarray(np.argmax(is_full, axis=1))


@pytest.mark.parametrize(
    ("canvas", "down", "across", "height", "width"),
    [(2, 2, 2, 8, 6), ((3, 1), 3, 1, 9, 5), ((2, 3), 2, 3, 4, 12)],
)
@pytest.mark.parametrize("keep_size", [True, False])
def test_cells_are_images_and_only_target_has_label(
    canvas: Any, down: int, across: int, height: int, width: int, keep_size: bool
) -> None:
    images, labels = random_images(40, height, width), np.arange(40) % 4
    canvases = make_grid_canvas(images, labels, canvas=canvas, seed=0, keep_size=keep_size)
    scale = (1, 1) if keep_size else (down, across)
    assert canvases.images.shape == (40, scale[0] * height, scale[1] * width, 3)
    assert canvases.images.dtype == np.uint8
    assert canvases.masks.shape == canvases.images.shape[:3]
    assert canvases.masks.dtype == np.bool_
    np.testing.assert_array_equal(canvases.labels, labels)
    known = [shrink_in_loop(image, down, across) if keep_size else image for image in images]
    for n, place in enumerate(find_target_cells(canvases, down, across)):
        cells = split_cells(canvases.images[n], down, across)
        np.testing.assert_array_equal(cells[place], known[n])
        sources = [
            [k for k, image in enumerate(known) if np.array_equal(cell, image)] for cell in cells
        ]
        assert all(len(result) == 1 for result in sources)
        others = [result[0] for k, result in enumerate(sources) if k != place]
        assert len(set(others)) == down * across - 1
        assert labels[n] not in labels[others]


@pytest.mark.parametrize(("down", "across"), [(2, 2), (4, 2), (1, 8)])
def test_small_cells_match_pillow(down: int, across: int) -> None:
    # Pillow's rounding is exact for powers of two.
    images = random_images(2, 8, 16)
    canvases = make_grid_canvas(images, [0, 1], canvas=(down, across), seed=0, background=0)
    for n, place in enumerate(find_target_cells(canvases, down, across)):
        expected = np.asarray(Image.fromarray(images[n]).reduce((across, down)))
        np.testing.assert_array_equal(
            split_cells(canvases.images[n], down, across)[place], expected
        )


def test_cells_and_other_images_are_uniform() -> None:
    images = (
        np.arange(24, dtype=np.uint8).repeat(4 * 3).reshape(24, 4, 3, 1)
    )  # each with one gray value
    labels = np.arange(24) % 3
    cell_counts, image_counts = np.zeros(6), np.zeros(24)
    for seed in range(150):
        canvases = make_grid_canvas(images, labels, canvas=(2, 3), seed=seed, keep_size=False)
        cell_counts += np.bincount(find_target_cells(canvases, 2, 3), minlength=6)
        grays = canvases.images[:, ::4, ::3, 0].ravel()
        image_counts += np.bincount(grays, minlength=24)
    assert cell_counts.sum() == 3600
    assert chisquare(cell_counts).pvalue > 0.01
    # Each image is always in its canvas. The other cells are drawn without replacement, so counts
    # vary less than independent counts, and only a larger variation would be an error.
    assert chisquare(image_counts - 150).pvalue > 0.01


def test_draws_depend_only_on_seed_and_index() -> None:
    images, labels = random_images(30, 4, 6), np.arange(30) % 5
    before = np.random.get_state()  # noqa: NPY002
    all_canvases = make_grid_canvas(images, labels, seed=7)
    again = make_grid_canvas(images, labels, seed=7)
    selection = make_grid_canvas(images, labels, seed=7, indices=[21, 4, 4])
    other = make_grid_canvas(images, labels, seed=8)
    for name in ("images", "labels", "masks"):
        np.testing.assert_array_equal(getattr(all_canvases, name), getattr(again, name))
        np.testing.assert_array_equal(
            getattr(selection, name), getattr(all_canvases, name)[[21, 4, 4]]
        )
    assert (all_canvases.masks != other.masks).any()
    assert (all_canvases.images != other.images).any()
    for was, now in zip(before, np.random.get_state(), strict=True):  # noqa: NPY002
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("keep_size", [True, False])
def test_gray_background_keeps_target_cells(keep_size: bool) -> None:
    images, labels = (
        random_images(10, 4, 6),
        np.zeros(10, np.int64),
    )  # a gray background needs no other class
    canvases = make_grid_canvas(images, labels, seed=1, background=127, keep_size=keep_size)
    assert (canvases.images[~canvases.masks] == 127).all()
    others = make_grid_canvas(images, np.arange(10), seed=1, keep_size=keep_size)
    np.testing.assert_array_equal(canvases.masks, others.masks)
    np.testing.assert_array_equal(canvases.images[canvases.masks], others.images[others.masks])


def test_single_image_with_one_channel() -> None:
    canvases = make_grid_canvas(random_images(1, 2, 4, 1), [3], seed=0, background=0)
    assert canvases.images.shape == (1, 2, 4, 1)
    assert canvases.labels.tolist() == [3]


def test_mask_as_map_scores_one() -> None:
    canvases = make_grid_canvas(random_images(20, 8, 6), np.arange(20), seed=0)
    result = measure_localization(canvases.masks, canvases.masks, tolerance=0)
    for measure in (result.pointing, result.energy):
        assert (measure.mean, measure.mean_chance_level) == (1.0, 0.25)


IMAGES = random_images(4, 4, 6)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"images": IMAGES.astype(np.float32)}, "images"),
        ({"images": IMAGES[0]}, "images"),
        ({"images": IMAGES[:0]}, "images"),
        ({"labels": [0, 1, 2]}, "labels"),
        ({"labels": [0.0, 1.0, 2.0, 3.0]}, "labels"),
        ({"canvas": 1}, "canvas"),
        ({"canvas": (0, 2)}, "canvas"),
        ({"canvas": 4}, "canvas"),
        ({"canvas": (1, 4)}, "canvas"),
        ({"background": "gray"}, "background"),
        ({"background": 256}, "background"),
        ({"indices": [4]}, "indices"),
        ({"indices": [-1]}, "indices"),
        ({"indices": []}, "indices"),
        ({"indices": [0.5]}, "indices"),
    ],
)
def test_refuses_invalid_arguments(changed: dict[str, Any], name: str) -> None:
    arguments: dict[str, Any] = {"images": IMAGES, "labels": [0, 1, 2, 3], "seed": 0} | changed
    with pytest.raises(UsageError, match=f"Parameter `{name}`"):
        make_grid_canvas(**arguments)


def test_error_names_count_of_other_images() -> None:
    with pytest.raises(UsageError, match=r"needs 3 images of other classes than 0\. Found 2"):
        make_grid_canvas(IMAGES, [0, 0, 1, 2], seed=0)
