"""Counter-based random numbers: each value depends only on (seed, image index, name)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.seeding import derive_seed

_Words = npt.NDArray[np.uint64]
Plane = npt.NDArray[np.floating[Any]]  # float32, which numpy's types cannot express here

GOLDEN_RATIO_INCREMENT = np.uint64(0x9E3779B97F4A7C15)


def mix_bits(words: _Words) -> _Words:
    """Return the 64-bit words mixed as in splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


@dataclass(frozen=True, eq=False)
class CounterRNG:
    """Named random draws for N images; the names in `path` precede the name of each draw."""

    indices: _Words  # (N,)
    seed: int
    path: tuple[str | int, ...]

    def take(self, rows: npt.NDArray[np.int64]) -> CounterRNG:
        """Return the generator for the images `rows`."""
        return replace(self, indices=self.indices[rows])

    def extend_path(self, *names: str | int) -> CounterRNG:
        """Return the generator with `names` appended to the path."""
        return replace(self, path=self.path + names)

    def draw_words(self, name: str, count: int) -> _Words:
        """Return `count` random 64-bit words per image, (N, count)."""
        key = np.uint64(derive_seed(self.seed, "scenes", *self.path, name))
        start = mix_bits(self.indices * GOLDEN_RATIO_INCREMENT + key)
        return mix_bits(start[:, None] + np.arange(count, dtype=np.uint64) * GOLDEN_RATIO_INCREMENT)

    def draw_fractions(self, name: str, count: int) -> Plane:
        """Return `count` numbers per image, uniform in [0, 1), (N, count)."""
        # 24 random bits: every value is exact in float32.
        words = self.draw_words(name, count)
        return (words >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)

    def draw_uniform(self, name: str, low: float = 0, high: float = 1) -> Plane:
        """Return one number per image, uniform from `low` to `high`, (N, 1, 1)."""
        return low + (high - low) * self.draw_fractions(name, 1)[:, :, None]

    def draw_direction(self, name: str, degrees: float = 360) -> tuple[Plane, Plane]:
        """Return one unit vector (x, y) per image, in a sector around the x axis, (N, 1, 1) each."""
        half = math.radians(degrees) / 2
        angle = self.draw_uniform(name, -half, half).astype(np.float64)
        return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
