"""How a gain goes along with something that images have, and how sure that is by seeds and images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from foveal.errors import bad_parameter

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Slope:
    """Slope of the gain per unit of the covariate, and its variance by each kind of cluster.

    `by_seeds`, `by_images` and `by_both` are V_seeds, V_images and V_cell of `two_way_slope`; with one
    seed, V_seeds is NaN. `seeds` and `images` count the clusters.
    """

    slope: float
    seeds: int
    images: int
    by_seeds: float
    by_images: float
    by_both: float

    @property
    def standard_error(self) -> float:
        """Root of V_seeds + V_images - V_cell, and never below the larger of the single ones."""
        both = self.by_seeds + self.by_images - self.by_both
        return float(np.sqrt(np.max([self.by_seeds, self.by_images, both])))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided confidence interval of the slope at `level`, say 0.95.

        With t of S - 1 degrees of freedom and z of N - 1, its half width is
        sqrt(t^2 V_seeds + z^2 max(0, V_images - V_cell)), and never below z sqrt(V_images): only what
        is estimated from few seeds pays for that.

        At 95 % it covers 93.5 to 99 % with 3, 5 and 10 seeds in simulated studies of seven kinds, from pure
        noise to mostly seeds or mostly images, with a spread that grows with the covariate; that is held
        by tests/stats/test_slope.py.
        """
        if not 0 < level < 1:
            raise bad_parameter("level", "between 0 and 1", level)
        few, many = (float(stdtrit(n - 1, (1 + level) / 2)) for n in (self.seeds, self.images))
        beyond_noise = max(0.0, self.by_images - self.by_both)
        squares = few**2 * self.by_seeds + many**2 * beyond_noise, many**2 * self.by_images
        half = float(np.sqrt(np.max(squares)))
        return self.slope - half, self.slope + half


def two_way_slope(
    gains: npt.ArrayLike, covariate: npt.ArrayLike, *, images: npt.ArrayLike | None = None
) -> Slope:
    """Fit gains (S, K), a row a seed, on a covariate (K,) with an intercept, by least squares.

    `images` (K,) says of which image each column is, where several are of one; by default all differ.
    The variance is that of Cameron, Gelbach and Miller (2011), "Robust inference with multiway
    clustering", for two ways, V = V_seeds + V_images - V_cell: gains of one seed may go together, and so
    may those of one image. Each part has its correction G / (G - 1) (n - 1) / (n - 2), with G
    clusters of n = S K gains, as in Stata and statsmodels. How an interval is made of the parts is
    ours: see `Slope.interval`.

    >>> found = two_way_slope([[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]], [0.0, 0.5, 1.0])
    >>> found.slope, round(found.by_seeds, 3)
    (3.0, 1.25)
    """
    y, x = np.asarray(gains, dtype=np.float64), np.asarray(covariate, dtype=np.float64)
    labels = np.arange(x.size) if images is None else np.asarray(images)
    check(y, x, labels)
    centered = x - x.mean()
    squares = len(y) * float(centered @ centered)
    slope = float((y @ centered).sum()) / squares
    scores = (y - y.mean() - slope * centered) * centered / squares  # (S, K)
    names, place = np.unique(labels, return_inverse=True)
    sums = [np.bincount(place, row, len(names)) for row in scores]
    by_cell = np.asarray(sums, dtype=np.float64)  # (S, N)
    by_seeds, by_images, by_both = (
        clustered(part, y.size) for part in (by_cell.sum(axis=1), by_cell.sum(axis=0), by_cell)
    )
    return Slope(slope, len(y), len(names), by_seeds, by_images, by_both)


def clustered(sums: FloatArray, count: int) -> float:
    """Return the variance by clusters, from the sum of the scores in each; NaN for one cluster."""
    if sums.size == 1:
        return math.nan
    correction = sums.size / (sums.size - 1) * (count - 1) / (count - 2)
    return float(np.square(sums).sum()) * correction


def check(y: FloatArray, x: FloatArray, labels: npt.NDArray[np.generic]) -> None:
    """Refuse what has no slope, or none that means anything."""
    if x.ndim != 1 or x.size < 3 or not np.isfinite(x).all() or np.ptp(x) == 0:
        raise bad_parameter("covariate", "at least 3 numbers that are not all equal", x)
    if y.ndim != 2 or y.shape[0] == 0 or y.shape[1] != x.size or not np.isfinite(y).all():
        raise bad_parameter("gains", f"finite, of shape (seeds, {x.size})", y.shape)
    if labels.shape != x.shape or np.unique(labels).size < 2:
        raise bad_parameter("images", f"of shape {x.shape}, of at least 2 images", labels.shape)
