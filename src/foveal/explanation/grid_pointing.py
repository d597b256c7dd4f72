"""Grid pointing game: canvases with an image of a known class in one cell and other classes in the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError, bad_parameter
from foveal.seeding import derive_seed

_Images = npt.NDArray[np.uint8]
_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GridCanvas:
    """Canvases uint8 (N, H, W, C), the labels (N,) of their target cells, and bool masks (N, H, W) of those."""

    images: _Images
    labels: _Integers
    masks: npt.NDArray[np.bool_]


def make_grid_canvas(
    images: _Images,
    labels: npt.ArrayLike,
    *,
    canvas: int | tuple[int, int] = 2,
    seed: int,
    background: str | int = "others",
    keep_size: bool = True,
    indices: npt.ArrayLike | None = None,
) -> GridCanvas:
    """Place each image in a random cell of a canvas whose other cells show images of other classes.

    A correct map for the label should be high in one cell only: this is the grid pointing game. All cells
    are equally likely. The other images are drawn without replacement from all images of another class. The
    draws for an image depend only on `seed` and its index.

    Args:
        images: uint8 (N, H, W, C).
        labels: integers (N,).
        canvas: rows and columns of cells, or one number for both.
        seed: seed of cells and other images.
        background: `others`, or a gray value from 0 to 255 that fills the other cells. The cells are the
            same in both cases.
        keep_size: if true, a canvas has the size of an image, and each cell is an image averaged over
            boxes of canvas rows x columns pixels. Many networks accept only one size, among them ours with
            a linear head. Objects are then smaller than in training, so first measure the accuracy on
            canvases with a gray background. If false, cells are full-size images and the canvas is larger,
            as in the paper; this is better for networks with global pooling.
        indices: the images to place, by default all; all images are candidates for the other cells.

    Raises:
        UsageError: the canvas does not divide the image, there are too few images of other classes, or a
            parameter is out of range.

    Source: Böhle et al. 2021, "Convolutional Dynamic Alignment Networks for Interpretable
    Classifications", the localization metric. In the paper all cells show different classes at full size,
    with images that the network classifies with high confidence. Here the other cells may share a class, and
    the caller chooses the images.

    >>> result = make_grid_canvas(np.zeros((4, 8, 6, 3), np.uint8), [0, 1, 2, 3], seed=0)
    >>> result.images.shape, result.masks.sum(axis=(1, 2)).tolist()
    ((4, 8, 6, 3), [12, 12, 12, 12])
    """
    classes = _require_labels(images, labels)
    rows, columns = _require_canvas(canvas)
    if keep_size and (images.shape[1] % rows or images.shape[2] % columns):
        should_be = f"a divisor of the image's {images.shape[1]}x{images.shape[2]} pixels"
        raise bad_parameter("canvas", f"{should_be}, or `keep_size` false", canvas)
    if background != "others" and not (
        isinstance(background, int) and not isinstance(background, bool) and 0 <= background <= 255
    ):
        raise bad_parameter("background", "`others`, or a gray value from 0 to 255", background)
    targets = np.arange(len(images)) if indices is None else _require_indices(indices, len(images))
    candidates = {label: np.flatnonzero(classes != label) for label in np.unique(classes[targets])}
    canvases, masks = [], []
    for index in targets:
        rng = np.random.default_rng(derive_seed(seed, "planting", int(index)))
        cell = int(rng.integers(rows * columns))
        if background == "others":
            label = classes[index]
            others = _sample_other_images(rng, candidates[label], rows * columns - 1, label)
            cells = images[np.insert(others, cell, index)]
        else:
            cells = np.full((rows * columns, *images.shape[1:]), background, np.uint8)
            cells[cell] = images[index]
        if keep_size:
            cells = _downscale_by_average(cells, rows, columns)
        canvases.append(_tile_cells(cells, rows, columns))
        masks.append(_make_cell_mask(cell, cells.shape[1:3], rows, columns))
    return GridCanvas(np.stack(canvases), classes[targets], np.stack(masks))


def _sample_other_images(
    rng: np.random.Generator, candidates: _Integers, count: int, label: int
) -> _Integers:
    """Return `count` different indices out of the candidates, which are images of other classes."""
    if len(candidates) < count:
        raise UsageError(
            f"The canvas needs {count} images of other classes than {label}. Found {len(candidates)}. "
            "Use a smaller canvas, more images, or a gray background."
        )
    return rng.choice(candidates, count, replace=False)


def _tile_cells(cells: _Images, rows: int, columns: int) -> _Images:
    """Arrange cells (P, H, W, C) row by row in a canvas, (rows H, columns W, C)."""
    height, width, channels = cells.shape[1:]
    tiles = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return tiles.reshape(rows * height, columns * width, channels)


def _make_cell_mask(
    cell: int, size: tuple[int, ...], rows: int, columns: int
) -> npt.NDArray[np.bool_]:
    """Return the mask of one cell in a canvas with cells of `size`, (rows H, columns W)."""
    is_cell = np.arange(rows * columns).reshape(rows, columns) == cell
    return np.asarray(is_cell.repeat(size[0], axis=0).repeat(size[1], axis=1))


def _downscale_by_average(images: _Images, rows: int, columns: int) -> _Images:
    """Return the means over boxes of `rows` x `columns` pixels, halves rounded up, (P, H', W', C).

    >>> _downscale_by_average(np.array([[[[0], [3]]]], np.uint8), 1, 2).tolist()
    [[[[2]]]]
    """
    count, height, width, channels = images.shape
    boxes = images.reshape(count, height // rows, rows, width // columns, columns, channels)
    size = rows * columns
    total = boxes.sum(axis=(2, 4), dtype=np.int64)
    return np.asarray((total + size // 2) // size, np.uint8)


def _require_labels(images: _Images, labels: npt.ArrayLike) -> _Integers:
    """Return the labels as int64 (N,) if images and labels are valid; otherwise raise a `UsageError`."""
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        should_be = "uint8 of shape (N, H, W, C), at least one image"
        raise bad_parameter("images", should_be, f"{images.dtype} {images.shape}")
    classes = np.asarray(labels)
    if classes.shape != (len(images),) or not np.issubdtype(classes.dtype, np.integer):
        should_be = f"integers, one for each of {len(images)} images"
        raise bad_parameter("labels", should_be, f"{classes.dtype} {classes.shape}")
    return classes.astype(np.int64)


def _require_indices(indices: npt.ArrayLike, count: int) -> _Integers:
    """Return image indices as int64 (M,) if they are from 0 to `count` - 1; otherwise raise a `UsageError`."""
    array = np.asarray(indices)
    is_integer = np.issubdtype(array.dtype, np.integer)
    if not is_integer or array.ndim != 1 or not array.size or array.min() < 0:
        raise bad_parameter("indices", "indices of images", indices)
    if array.max() >= count:
        raise bad_parameter("indices", f"from 0 to {count - 1}", int(array.max()))
    return array.astype(np.int64)


def _require_canvas(canvas: int | tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of cells, at least two cells; otherwise raise a `UsageError`."""
    rows, columns = canvas if isinstance(canvas, tuple) else (canvas, canvas)
    if min(rows, columns) < 1 or rows * columns < 2:
        raise bad_parameter("canvas", "rows and columns, at least two cells", canvas)
    return rows, columns
