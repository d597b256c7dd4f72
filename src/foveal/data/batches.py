"""Batches of normalized images; augmentation happens by batch, on the device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from foveal.errors import bad_parameter
from foveal.seeding import make_generator


@dataclass(frozen=True)
class Augmentation:
    """What a training image goes through: `crop` px of padding, a flip, `cutout` px of black."""

    crop: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        for name, pixels in (("crop", self.crop), ("cutout", self.cutout)):
            if pixels < 0:
                raise bad_parameter(name, "at least 0", pixels)


@dataclass(frozen=True)
class Draws:
    """One draw an image: where the crop starts, whether it flips, where the hole is."""

    top: Tensor  # (N,) in [0, 2 crop]
    left: Tensor  # (N,)
    flip: Tensor  # (N,) bool
    hole_y: Tensor  # (N,) center of the hole
    hole_x: Tensor  # (N,)

    def take(self, rows: Tensor, device: torch.device | str) -> Draws:
        """Return the draws of the images `rows`."""
        columns = (self.top, self.left, self.flip, self.hole_y, self.hole_x)
        return Draws(*(column[rows].to(device, non_blocking=True) for column in columns))


def draw(
    count: int, size: tuple[int, int], augmentation: Augmentation, *, seed: int, epoch: int
) -> Draws:
    """Draw for all `count` images at once, so that an image's draw does not hang on its batch."""
    source = make_generator(seed, "augmentation", epoch)
    positions = 2 * augmentation.crop + 1
    top = torch.randint(positions, (count,), generator=source)
    left = torch.randint(positions, (count,), generator=source)
    flip = torch.rand(count, generator=source) < (0.5 if augmentation.flip else 0.0)
    hole_y = torch.randint(size[0], (count,), generator=source)
    hole_x = torch.randint(size[1], (count,), generator=source)
    return Draws(top, left, flip, hole_y, hole_x)


def augment(images: Tensor, draws: Draws, augmentation: Augmentation) -> Tensor:
    """Crop, flip and cut out, each image by its own draw; uint8 (B, H, W, C) in and out."""
    count = torch.arange(len(images), device=images.device)
    # Whole images are chosen, then whole rows moved: far faster than pixel by pixel.
    flipped = torch.cat((images, images.flip(2))).index_select(0, count + len(images) * draws.flip)
    out = crop(flipped, draws, augmentation.crop)
    if augmentation.cutout:
        out.mul_(~holes(draws, images.shape[1:3], augmentation.cutout)[..., None])
    return out


def crop(flipped: Tensor, draws: Draws, margin: int) -> Tensor:
    """Cut a window of the old size out of each image, (B, H, W, C), padded by `margin` px."""
    batch, height, width, channels = flipped.shape
    padded = F.pad(flipped, (0, 0, margin, margin, margin, margin))
    # The crop is drawn for the image as it was; in its mirror image it starts at the other side.
    left = torch.where(draws.flip, 2 * margin - draws.left, draws.left)
    image = torch.arange(batch, device=flipped.device)
    row = torch.arange(height, device=flipped.device)
    top = (image * padded.shape[1] + draws.top)[:, None] + row  # (B, H)
    start = top * padded.shape[2] + left[:, None]
    rows = padded.view(-1).unfold(0, width * channels, channels)  # one row from each pixel on
    return rows.index_select(0, start.view(-1)).view(flipped.shape)


def holes(draws: Draws, shape: torch.Size, size: int) -> Tensor:
    """Return where the holes are, bool (B, *shape); at the border a hole is cut off.

    DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with
    Cutout".
    """
    y = torch.arange(shape[0], device=draws.hole_y.device) - draws.hole_y[:, None] + size // 2
    x = torch.arange(shape[1], device=draws.hole_x.device) - draws.hole_x[:, None] + size // 2
    in_rows = (y >= 0) & (y < size)
    in_columns = (x >= 0) & (x < size)
    return in_rows[:, :, None] & in_columns[:, None, :]


def normalize(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Turn uint8 (B, H, W, C) into float32 (B, C, H, W), channels last in memory."""
    batch, height, width, channels = images.shape
    scale = torch.tensor([1 / (255 * s) for s in std], device=images.device)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device)
    # Whole rows of pixels at a time: three channels alone are too short to be vectorised.
    rows = images.reshape(batch * height, width * channels).float()
    torch.addcmul(shift.repeat(width), rows, scale.repeat(width), out=rows)
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def augmented_batches(
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
    """Yield one epoch of training batches; the last one may be smaller."""
    order = torch.randperm(len(labels), generator=make_generator(seed, "order", epoch))
    size = (images.shape[1], images.shape[2])
    draws = draw(len(labels), size, augmentation, seed=seed, epoch=epoch)
    for rows in torch.split(order, batch_size):
        chosen = torch.from_numpy(images[rows.numpy()]).to(device, non_blocking=True)
        augmented = augment(chosen, draws.take(rows, device), augmentation)
        targets = torch.from_numpy(labels[rows.numpy()]).to(device, non_blocking=True)
        yield normalize(augmented, mean, std), targets


def plain_batches(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    batch_size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: torch.device | str,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images in their order, without augmentation."""
    for start in range(0, len(labels), batch_size):
        stop = start + batch_size
        # A memory map is read-only, and torch warns of tensors over such memory: copy the slice.
        chosen = torch.from_numpy(np.array(images[start:stop])).to(device, non_blocking=True)
        targets = torch.from_numpy(np.array(labels[start:stop])).to(device, non_blocking=True)
        yield normalize(chosen, mean, std), targets
