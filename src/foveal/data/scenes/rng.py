"""Chance for `scenes`: numbers that hang on (seed, index, name) alone, however many are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.seeding import derive_seed

Words = npt.NDArray[np.uint64]
Plane = npt.NDArray[np.floating[Any]]  # float32, which the types of NumPy cannot follow

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(words: Words) -> Words:
    """Scramble 64-bit words as splitmix64 does (Steele, Lea and Flood, OOPSLA 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@dataclass(frozen=True, eq=False)
class Chance:
    """Draws for N images, each named; what is called `path` comes before every name."""

    indices: Words  # (N,)
    seed: int
    path: tuple[str | int, ...]

    def take(self, rows: npt.NDArray[np.int64]) -> Chance:
        """Return the draws of the images `rows`."""
        return replace(self, indices=self.indices[rows])

    def of(self, *names: str | int) -> Chance:
        """Return the draws whose names begin with `names`."""
        return replace(self, path=self.path + names)

    def words(self, name: str, count: int) -> Words:
        """Return `count` random words an image, (N, count)."""
        key = np.uint64(derive_seed(self.seed, "scenes", *self.path, name))
        start = mix(self.indices * GOLDEN + key)
        return mix(start[:, None] + np.arange(count, dtype=np.uint64) * GOLDEN)

    def fractions(self, name: str, count: int) -> Plane:
        """Return `count` numbers an image, uniform in [0, 1), (N, count)."""
        # A float32 holds 24 bits, so every value here is exact.
        return (self.words(name, count) >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)

    def uniform(self, name: str, low: float = 0, high: float = 1) -> Plane:
        """Return one number an image, uniform from `low` to `high`, (N, 1, 1)."""
        return low + (high - low) * self.fractions(name, 1)[:, :, None]

    def direction(self, name: str, degrees: float = 360) -> tuple[Plane, Plane]:
        """Return one vector (x, y) of length 1 an image, in a sector about x, (N, 1, 1) each."""
        half = math.radians(degrees) / 2
        angle = self.uniform(name, -half, half).astype(np.float64)
        return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
