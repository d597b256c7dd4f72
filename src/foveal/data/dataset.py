"""What every source of images becomes: splits of uint8 images, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from foveal.data.batches import Augmentation, augmented_batches, plain_batches
from foveal.errors import bad_parameter

if TYPE_CHECKING:
    import torch


# Arrays have no single truth of equality, so these compare by identity.
@dataclass(frozen=True, eq=False)
class Split:
    """Images of one split, uint8 (N, H, W, C), with one label each and further columns by name."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    details: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> Split:
        """Return the rows `rows`, in that order."""
        details = {name: column[rows] for name, column in self.details.items()}
        return Split(self.images[rows], self.labels[rows], details)


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set ready for training.

    `mean` and `std` are those of the training images in [0, 1], one value a channel.
    `checksum` is of the content that was read, so that two studies can be seen to share it.
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
        """Shape of one image as a model sees it, (C, H, W)."""
        height, width, channels = self.train.images.shape[1:]
        return channels, height, width

    def training_batches(
        self, *, batch_size: int, seed: int, epoch: int, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield shuffled, augmented, normalized batches: float32 (B, C, H, W) and int64 (B,).

        Order and augmentation of an image depend on (seed, epoch, index) alone.
        """
        return augmented_batches(
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
        """Yield `split` in its order, normalized: float32 (B, C, H, W) and int64 (B,)."""
        chosen = {"train": self.train, "validation": self.validation, "test": self.test}.get(split)
        if chosen is None:
            raise bad_parameter("split", "`train`, `test` or, if held out, `validation`", split)
        return plain_batches(
            chosen.images,
            chosen.labels,
            batch_size=batch_size,
            mean=self.mean,
            std=self.std,
            device=device,
        )
