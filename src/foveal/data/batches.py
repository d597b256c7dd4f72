"""Batches of normalized images; augmentation runs per batch, on the device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from foveal.seeding import make_generator
from foveal.validation import require_int


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training images: random crop after `crop` px of padding, flip, `cutout` px of black."""

    crop: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        for name, pixels in (("crop", self.crop), ("cutout", self.cutout)):
            require_int(name, pixels, minimum=0)


@dataclass(frozen=True)
class AugmentationSample:
    """Random draws for N images: corner of the crop, flip, center of the cutout hole."""

    top: Tensor  # (N,) in [0, 2 crop]
    left: Tensor  # (N,)
    flip: Tensor  # (N,) bool
    hole_y: Tensor  # (N,)
    hole_x: Tensor  # (N,)

    def take(self, rows: Tensor, device: torch.device | str) -> AugmentationSample:
        """Return the draws of the images `rows`."""
        columns = (self.top, self.left, self.flip, self.hole_y, self.hole_x)
        return AugmentationSample(
            *(column[rows].to(device, non_blocking=True) for column in columns)
        )


def sample_augmentation(
    count: int, size: tuple[int, int], augmentation: Augmentation, *, seed: int, epoch: int
) -> AugmentationSample:
    """Draw for all `count` images at once, so that the draw of an image is independent of its batch."""
    generator = make_generator(seed, "augmentation", epoch)
    positions = 2 * augmentation.crop + 1
    top = torch.randint(positions, (count,), generator=generator)
    left = torch.randint(positions, (count,), generator=generator)
    flip = torch.rand(count, generator=generator) < (0.5 if augmentation.flip else 0.0)
    hole_y = torch.randint(size[0], (count,), generator=generator)
    hole_x = torch.randint(size[1], (count,), generator=generator)
    return AugmentationSample(top, left, flip, hole_y, hole_x)


def augment_images(images: Tensor, draws: AugmentationSample, augmentation: Augmentation) -> Tensor:
    """Crop, flip and cut out each image by its own draw; uint8 (B, H, W, C) in and out."""
    index = torch.arange(len(images), device=images.device)
    # Selecting whole images, then copying whole rows, is far faster than gathering pixels.
    flipped = torch.cat((images, images.flip(2))).index_select(0, index + len(images) * draws.flip)
    out = _crop_images(flipped, draws, augmentation.crop)
    if augmentation.cutout:
        out.mul_(~_make_hole_masks(draws, images.shape[1:3], augmentation.cutout)[..., None])
    return out


def _crop_images(flipped: Tensor, draws: AugmentationSample, margin: int) -> Tensor:
    """Pad each image (B, H, W, C) by `margin` px and crop a window of the original size."""
    batch, height, width, channels = flipped.shape
    padded = F.pad(flipped, (0, 0, margin, margin, margin, margin))
    # The crop is drawn for the unflipped image; in a flipped image it is measured from the other side.
    left = torch.where(draws.flip, 2 * margin - draws.left, draws.left)
    image = torch.arange(batch, device=flipped.device)
    row = torch.arange(height, device=flipped.device)
    top = (image * padded.shape[1] + draws.top)[:, None] + row  # (B, H)
    start = top * padded.shape[2] + left[:, None]
    rows = padded.view(-1).unfold(0, width * channels, channels)  # a row of width W from each pixel
    return rows.index_select(0, start.view(-1)).view(flipped.shape)


def _make_hole_masks(draws: AugmentationSample, shape: torch.Size, size: int) -> Tensor:
    """Return the masks of the square holes of side `size`, bool (B, *shape), clipped at the border.

    DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with
    Cutout".
    """
    y = torch.arange(shape[0], device=draws.hole_y.device) - draws.hole_y[:, None] + size // 2
    x = torch.arange(shape[1], device=draws.hole_x.device) - draws.hole_x[:, None] + size // 2
    in_rows = (y >= 0) & (y < size)
    in_columns = (x >= 0) & (x < size)
    return in_rows[:, :, None] & in_columns[:, None, :]


def normalize_images(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Convert uint8 (B, H, W, C) to normalized float32 (B, C, H, W), channels_last in memory."""
    batch, height, width, channels = images.shape
    scale = torch.tensor([1 / (255 * s) for s in std], device=images.device)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device)
    # Process whole rows of pixels: three channels alone are too short to be vectorized.
    rows = images.reshape(batch * height, width * channels).float()
    torch.addcmul(shift.repeat(width), rows, scale.repeat(width), out=rows)
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def iterate_augmented_batches(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    augmentation: Augmentation,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device | str,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of shuffled, augmented batches; the last batch may be smaller."""
    order = torch.randperm(len(labels), generator=make_generator(seed, "order", epoch))
    size = (images.shape[1], images.shape[2])
    draws = sample_augmentation(len(labels), size, augmentation, seed=seed, epoch=epoch)
    for rows in torch.split(order, batch_size):
        pixels = torch.from_numpy(images[rows.numpy()]).to(device, non_blocking=True)
        augmented = augment_images(pixels, draws.take(rows, device), augmentation)
        targets = torch.from_numpy(labels[rows.numpy()]).to(device, non_blocking=True)
        yield normalize_images(augmented, mean, std), targets


def iterate_ordered_batches(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    batch_size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device | str,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of the images in their stored order, without augmentation."""
    for start in range(0, len(labels), batch_size):
        stop = start + batch_size
        # Copy, because a memory map is read-only and PyTorch warns about such tensors.
        pixels = torch.from_numpy(np.array(images[start:stop])).to(device, non_blocking=True)
        targets = torch.from_numpy(np.array(labels[start:stop])).to(device, non_blocking=True)
        yield normalize_images(pixels, mean, std), targets
