"""Planted images: cells against a loop and Pillow, labels, places and neighbors."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chisquare

from foveal.errors import UsageError
from foveal.explanation.grid_pointing import GridCanvas, make_grid_canvas
from foveal.explanation.localization import localize

Images = NDArray[np.uint8]


def made(count: int, height: int, width: int, channels: int = 3) -> Images:
    generator = np.random.default_rng(3)
    return generator.integers(0, 256, (count, height, width, channels), np.uint8)


def shrunk(image: Images, down: int, across: int) -> Images:
    """Reduce one image pixel by pixel, in whole numbers, halves going up."""
    size = down * across
    out = np.empty((image.shape[0] // down, image.shape[1] // across, image.shape[2]), np.uint8)
    for y, x, c in np.ndindex(out.shape):
        some = image[y * down : (y + 1) * down, x * across : (x + 1) * across, c]
        out[y, x, c] = (2 * sum(some.ravel().tolist()) + size) // (2 * size)
    return out


def cells_of(image: NDArray[Any], down: int, across: int) -> list[NDArray[Any]]:
    return [cell for row in np.split(image, down, axis=0) for cell in np.split(row, across, axis=1)]


def places(planted: GridCanvas, down: int, across: int) -> NDArray[np.int64]:
    """Return the cell that each mask is, and check that it is one whole cell."""
    whole = [[cell.all() for cell in cells_of(mask, down, across)] for mask in planted.masks]
    some = [[cell.any() for cell in cells_of(mask, down, across)] for mask in planted.masks]
    np.testing.assert_array_equal(whole, some)
    assert (np.sum(whole, axis=1) == 1).all()
    return np.asarray(np.argmax(whole, axis=1))


@pytest.mark.parametrize(
    ("canvas", "down", "across", "height", "width"),
    [(2, 2, 2, 8, 6), ((3, 1), 3, 1, 9, 5), ((2, 3), 2, 3, 4, 12)],
)
@pytest.mark.parametrize("keep_size", [True, False])
def test_each_cell_is_an_image_and_only_the_object_has_the_label(
    canvas: Any, down: int, across: int, height: int, width: int, keep_size: bool
) -> None:
    images, labels = made(40, height, width), np.arange(40) % 4
    planted = make_grid_canvas(images, labels, canvas=canvas, seed=0, keep_size=keep_size)
    scale = (1, 1) if keep_size else (down, across)
    assert planted.images.shape == (40, scale[0] * height, scale[1] * width, 3)
    assert planted.images.dtype == np.uint8
    assert planted.masks.shape == planted.images.shape[:3]
    assert planted.masks.dtype == np.bool_
    np.testing.assert_array_equal(planted.labels, labels)
    known = [shrunk(image, down, across) if keep_size else image for image in images]
    for n, place in enumerate(places(planted, down, across)):
        cells = cells_of(planted.images[n], down, across)
        np.testing.assert_array_equal(cells[place], known[n])
        sources = [
            [k for k, image in enumerate(known) if np.array_equal(cell, image)] for cell in cells
        ]
        assert all(len(found) == 1 for found in sources)
        others = [found[0] for k, found in enumerate(sources) if k != place]
        assert len(set(others)) == down * across - 1
        assert labels[n] not in labels[others]


@pytest.mark.parametrize(("down", "across"), [(2, 2), (4, 2), (1, 8)])
def test_smaller_cells_are_those_of_pillow(down: int, across: int) -> None:
    # Powers of two, where its rounding is exact.
    images = made(2, 8, 16)
    planted = make_grid_canvas(images, [0, 1], canvas=(down, across), seed=0, background=0)
    for n, place in enumerate(places(planted, down, across)):
        expected = np.asarray(Image.fromarray(images[n]).reduce((across, down)))
        np.testing.assert_array_equal(cells_of(planted.images[n], down, across)[place], expected)


def test_places_and_neighbors_are_uniform() -> None:
    images = np.arange(24, dtype=np.uint8).repeat(4 * 3).reshape(24, 4, 3, 1)  # each of one gray
    labels = np.arange(24) % 3
    place_counts, neighbor_counts = np.zeros(6), np.zeros(24)
    for seed in range(150):
        planted = make_grid_canvas(images, labels, canvas=(2, 3), seed=seed, keep_size=False)
        place_counts += np.bincount(places(planted, 2, 3), minlength=6)
        greys = planted.images[:, ::4, ::3, 0].ravel()
        neighbor_counts += np.bincount(greys, minlength=24)
    assert place_counts.sum() == 3600
    assert chisquare(place_counts).pvalue > 0.01
    # Each image is in its own canvas for certain; elsewhere draws are without replacement, so
    # counts vary less than independent ones and only too large a spread would be wrong.
    assert chisquare(neighbor_counts - 150).pvalue > 0.01


def test_draws_hang_on_seed_and_index_alone() -> None:
    images, labels = made(30, 4, 6), np.arange(30) % 5
    before = np.random.get_state()  # noqa: NPY002
    every = make_grid_canvas(images, labels, seed=7)
    again = make_grid_canvas(images, labels, seed=7)
    some = make_grid_canvas(images, labels, seed=7, indices=[21, 4, 4])
    other = make_grid_canvas(images, labels, seed=8)
    for name in ("images", "labels", "masks"):
        np.testing.assert_array_equal(getattr(every, name), getattr(again, name))
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[[21, 4, 4]])
    assert (every.masks != other.masks).any()
    assert (every.images != other.images).any()
    for was, now in zip(before, np.random.get_state(), strict=True):  # noqa: NPY002
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("keep_size", [True, False])
def test_a_gray_background_changes_no_place(keep_size: bool) -> None:
    images, labels = made(10, 4, 6), np.zeros(10, np.int64)  # one class is enough here
    planted = make_grid_canvas(images, labels, seed=1, background=127, keep_size=keep_size)
    assert (planted.images[~planted.masks] == 127).all()
    others = make_grid_canvas(images, np.arange(10), seed=1, keep_size=keep_size)
    np.testing.assert_array_equal(planted.masks, others.masks)
    np.testing.assert_array_equal(planted.images[planted.masks], others.images[others.masks])


def test_one_image_and_one_channel() -> None:
    planted = make_grid_canvas(made(1, 2, 4, 1), [3], seed=0, background=0)
    assert planted.images.shape == (1, 2, 4, 1)
    assert planted.labels.tolist() == [3]


def test_a_map_of_the_object_is_found_against_chance() -> None:
    planted = make_grid_canvas(made(20, 8, 6), np.arange(20), seed=0)
    found = localize(planted.masks, planted.masks, tolerance=0)
    for measure in (found.pointing, found.energy):
        assert (measure.mean, measure.mean_chance_level) == (1.0, 0.25)


IMAGES = made(4, 4, 6)


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
def test_what_does_not_fit_is_refused(changed: dict[str, Any], name: str) -> None:
    given: dict[str, Any] = {"images": IMAGES, "labels": [0, 1, 2, 3], "seed": 0} | changed
    with pytest.raises(UsageError, match=f"Parameter `{name}`"):
        make_grid_canvas(**given)


def test_too_few_others_are_named() -> None:
    with pytest.raises(UsageError, match=r"needs 3 images of other classes than 0\. Found 2"):
        make_grid_canvas(IMAGES, [0, 0, 1, 2], seed=0)
