"""Data sets in memory: splits of uint8 images with labels and further columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from foveal.data.batches import (
    Augmentation,
    iterate_augmented_batches,
    iterate_ordered_batches,
)
from foveal.errors import bad_parameter

if TYPE_CHECKING:
    import torch


# Comparing arrays gives arrays, so these classes compare by identity.
@dataclass(frozen=True, eq=False)
class Split:
    """Images of one split, uint8 (N, H, W, C), their labels (N,), and further columns by name."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> Split:
        """Return the rows `rows`, in that order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Split(self.images[rows], self.labels[rows], columns)


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set ready for training.

    `mean` and `std` are the channel statistics of the training images in [0, 1]. `checksum` identifies
    the content that was read, so that two studies can be recognized to share it.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    checksum: str
    validation: Split | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of one image as model input, (C, H, W)."""
        height, width, channels = self.train.images.shape[1:]
        return channels, height, width

    def training_batches(
        self, *, batch_size: int, seed: int, epoch: int, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield shuffled, augmented, normalized batches: float32 (B, C, H, W) and int64 (B,).

        Order and augmentation of an image depend on (seed, epoch, index) only.
        """
        return iterate_augmented_batches(
            self.train.images,
            self.train.labels,
            batch_size=batch_size,
            seed=seed,
            epoch=epoch,
            augmentation=self.augmentation,
            mean=self.mean,
            std=self.std,
            device=device,
        )

    def batches(
        self, split: str = "test", *, batch_size: int, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches of `split` in stored order, normalized: float32 (B, C, H, W) and int64 (B,).

        Raises:
            UsageError: there is no such split.
        """
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        selected = splits.get(split)
        if selected is None:
            raise bad_parameter("split", "`train`, `test` or, if held out, `validation`", split)
        return iterate_ordered_batches(
            selected.images,
            selected.labels,
            batch_size=batch_size,
            mean=self.mean,
            std=self.std,
            device=device,
        )
