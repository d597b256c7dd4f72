"""Images whose truth is known: an object planted in one cell of a canvas, others in the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foveal.errors import UsageError, bad_parameter
from foveal.seeding import derive_seed

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GridCanvas:
    """Canvases uint8 (N, H, W, C), the labels (N,) of their objects, and bool masks (N, H, W) of those."""

    images: Images
    labels: Integers
    masks: npt.NDArray[np.bool_]


def make_grid_canvas(
    images: Images,
    labels: npt.ArrayLike,
    *,
    canvas: int | tuple[int, int] = 2,
    seed: int,
    background: str | int = "others",
    keep_size: bool = True,
    rows: npt.ArrayLike | None = None,
) -> GridCanvas:
    """Plant each image in a random cell of a canvas whose other cells hold images of other classes.

    A map for the label should then lie on one cell: that is the grid pointing game. All cells are equally
    likely, the others are drawn without replacement from all images of another class, and the draws of an
    image hang on `seed` and its index alone.

    Args:
        images: uint8 (N, H, W, C).
        labels: whole numbers (N,).
        canvas: rows and columns of cells, or both in one number.
        seed: of places and neighbors.
        background: `others`, or a gray value from 0 to 255 that fills the other cells instead. The places
            are the same.
        keep_size: whether a canvas has the size of an image. By default it has, its cells being means
            over boxes of canvas rows x columns pixels, since many networks, ours with a linear head among
            them, take one size alone. The price is objects smaller than those of the training: measure
            first, before a gray background, how many a network still knows. Without it the cells are the
            images as they are and the canvas is larger, as in the source: better for any network that pools
            globally.
        rows: the indices of the images to plant, with all as possible neighbors; by default all of them.

    Raises:
        UsageError: the canvas does not divide the image, too few images of other classes, or a parameter
            out of range.

    Source: Böhle et al. 2021, "Convolutional Dynamic Alignment Networks for Interpretable
    Classifications", the localization metric. There all cells show different classes, at full size, and
    images that the network is sure of; here only the object's class is kept from the other cells, and what
    to plant is the caller's choice.

    >>> made = make_grid_canvas(np.zeros((4, 8, 6, 3), np.uint8), [0, 1, 2, 3], seed=0)
    >>> made.images.shape, made.masks.sum(axis=(1, 2)).tolist()
    ((4, 8, 6, 3), [12, 12, 12, 12])
    """
    classes = require_labels(images, labels)
    down, across = require_canvas(canvas)
    if keep_size and (images.shape[1] % down or images.shape[2] % across):
        should_be = f"a divisor of the image's {images.shape[1]}x{images.shape[2]} pixels"
        raise bad_parameter("canvas", f"{should_be}, or `keep_size` false", canvas)
    if background != "others" and not (
        isinstance(background, int) and not isinstance(background, bool) and 0 <= background <= 255
    ):
        raise bad_parameter("background", "`others`, or a gray value from 0 to 255", background)
    chosen = np.arange(len(images)) if rows is None else require_indices(rows, len(images))
    strangers = {label: np.flatnonzero(classes != label) for label in np.unique(classes[chosen])}
    canvases, masks = [], []
    for index in chosen:
        chance = np.random.default_rng(derive_seed(seed, "planting", int(index)))
        cell = int(chance.integers(down * across))
        if background == "others":
            label = classes[index]
            others = draw_neighbors(chance, strangers[label], down * across - 1, label)
            cells = images[np.insert(others, cell, index)]
        else:
            cells = np.full((down * across, *images.shape[1:]), background, np.uint8)
            cells[cell] = images[index]
        if keep_size:
            cells = average_boxes(cells, down, across)
        canvases.append(tile_cells(cells, down, across))
        masks.append(make_cell_mask(cell, cells.shape[1:3], down, across))
    return GridCanvas(np.stack(canvases), classes[chosen], np.stack(masks))


def draw_neighbors(
    chance: np.random.Generator, among: Integers, count: int, label: int
) -> Integers:
    """Return `count` different ones of the images `among`."""
    if len(among) < count:
        raise UsageError(
            f"The other cells of the canvas need {count} images of other classes than {label}, and there "
            f"are {len(among)}: take a smaller canvas, more images, or a gray background."
        )
    return chance.choice(among, count, replace=False)


def tile_cells(cells: Images, down: int, across: int) -> Images:
    """Lay out cells (P, H, W, C) row by row, (down H, across W, C)."""
    height, width, channels = cells.shape[1:]
    laid = cells.reshape(down, across, height, width, channels).swapaxes(1, 2)
    return laid.reshape(down * height, across * width, channels)


def make_cell_mask(
    cell: int, size: tuple[int, ...], down: int, across: int
) -> npt.NDArray[np.bool_]:
    """Return a canvas of cells of `size` that is true in one of them, (down H, across W)."""
    chosen = np.arange(down * across).reshape(down, across) == cell
    return np.asarray(chosen.repeat(size[0], axis=0).repeat(size[1], axis=1))


def average_boxes(images: Images, down: int, across: int) -> Images:
    """Return the means over boxes of `down` x `across` pixels, halves going up, (P, H', W', C).

    >>> average_boxes(np.array([[[[0], [3]]]], np.uint8), 1, 2).tolist()
    [[[[2]]]]
    """
    count, height, width, channels = images.shape
    boxes = images.reshape(count, height // down, down, width // across, across, channels)
    size = down * across
    total = boxes.sum(axis=(2, 4), dtype=np.int64)
    return np.asarray((total + size // 2) // size, np.uint8)


def require_labels(images: Images, labels: npt.ArrayLike) -> Integers:
    """Return the labels as int64 (N,), if they belong to images that can be planted."""
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        should_be = "uint8 of shape (N, H, W, C), at least one"
        raise bad_parameter("images", should_be, f"{images.dtype} {images.shape}")
    classes = np.asarray(labels)
    if classes.shape != (len(images),) or not np.issubdtype(classes.dtype, np.integer):
        should_be = f"whole numbers, one for each of {len(images)} images"
        raise bad_parameter("labels", should_be, f"{classes.dtype} {classes.shape}")
    return classes.astype(np.int64)


def require_indices(rows: npt.ArrayLike, count: int) -> Integers:
    """Return the indices of the images to plant, (M,)."""
    chosen = np.asarray(rows)
    whole = np.issubdtype(chosen.dtype, np.integer)
    if not whole or chosen.ndim != 1 or not chosen.size or chosen.min() < 0:
        raise bad_parameter("rows", "indices of images", rows)
    if chosen.max() >= count:
        raise bad_parameter("rows", f"from 0 to {count - 1}", int(chosen.max()))
    return chosen.astype(np.int64)


def require_canvas(canvas: int | tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of cells, of which there must be two at least."""
    down, across = canvas if isinstance(canvas, tuple) else (canvas, canvas)
    if min(down, across) < 1 or down * across < 2:
        raise bad_parameter("canvas", "rows and columns, at least two cells", canvas)
    return down, across
