"""Images made worse in known steps: noise, blur, less contrast, coarse pixels, JPEG."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO

import torch
from torch import Tensor

from foveal.errors import bad_parameter, unknown_name
from foveal.optional_imports import STUDY, suggest_install

# Deviation, deviation in px, factor, factor of the side, quality: for the severities 1 to 5.
CIFAR = {
    "noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80.0, 65.0, 58.0, 50.0, 40.0),
}
IMAGENET = {
    "noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "blur": (1.0, 2.0, 3.0, 4.0, 6.0),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
    "jpeg": (25.0, 18.0, 15.0, 10.0, 7.0),
}
CORRUPTIONS = tuple(CIFAR)
SEVERITIES = 5
LARGEST_SMALL_SIDE = 64
TRUNCATE = 4.0  # a blur ends at this many deviations, as in scipy and scikit-image
JPEG_MODES = {1: "L", 3: "RGB"}


def amount(kind: str, severity: int, size: tuple[int, int]) -> float:
    """Return the parameter of a corruption for images of `size` (H, W).

    It is that of CIFAR-10-C where the longer side is at most 64 px, and that of ImageNet-C above.

    >>> amount("blur", 2, (32, 32)), amount("blur", 2, (224, 160))
    (0.6, 2.0)
    """
    if kind not in CORRUPTIONS:
        raise unknown_name("corruption", kind, CORRUPTIONS)
    if severity not in range(1, SEVERITIES + 1):
        raise bad_parameter("severity", f"a whole number from 1 to {SEVERITIES}", severity)
    return (CIFAR if max(size) <= LARGEST_SMALL_SIDE else IMAGENET)[kind][severity - 1]


@torch.no_grad()
def corrupt(
    images: Tensor, kind: str, severity: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return a corrupted copy of images in [0, 1], (N, C, H, W), of the same shape, dtype and device.

    Args:
        images: in image space, so before they are normalized.
        kind: `noise` adds independent Gaussian noise; `blur` is Gaussian; `contrast` draws each
            channel towards its mean; `pixelate` shrinks and enlarges; `jpeg` writes and reads, and is
            defined for one and three channels only.
        severity: 1 to 5; `amount` says what it stands for.
        generator: what `noise` is drawn from, one image after the other; nothing else uses it.

    Every image is corrupted for itself: on a CPU, and with a CPU generator that goes on from batch to
    batch, the result is the same bit by bit however the images are batched.

    Raises:
        UsageError: for an unknown kind or severity, values outside [0, 1], noise without a generator.

    Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common
    Corruptions and Perturbations", and the code of its authors. Different here: they cut all results
    off to whole 8-bit values, and store ImageNet-C as JPEG once more, while ours stay floating, but
    for `jpeg`, which needs 8 bits and rounds to them; their noise is drawn by numpy. `blur` and
    `pixelate` follow the libraries they use, without rounding in between: the border pixel goes on
    beyond the border, a large pixel is the mean of the whole pixels whose center lies in it.
    """
    checked_images(images)
    parameter = amount(kind, severity, (images.shape[2], images.shape[3]))
    check_channels(kind, images.shape[1])
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # this way round, as NaN compares false
        raise bad_parameter("images", "in [0, 1]", (float(low), float(high)))
    # A layout would change the order of sums; half precision would round at each step.
    exact = images.to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    if kind == "noise":
        if generator is None:
            raise bad_parameter("generator", "a torch.Generator for `noise`", generator)
        changed = noise(exact, parameter, generator)
    else:
        changed = WITHOUT_CHANCE[kind](exact, parameter)
    return changed.clamp_(0, 1).to(images.dtype)


def checked_images(images: Tensor) -> None:
    """Refuse what is not floating images (N, C, H, W)."""
    if images.ndim != 4 or not images.is_floating_point() or images.numel() == 0:
        found = (tuple(images.shape), images.dtype)
        raise bad_parameter("images", "floating, (N, C, H, W) and not empty", found)


def check_channels(kind: str, channels: int) -> None:
    """Refuse a number of channels that JPEG has no color space for."""
    if kind == "jpeg" and channels not in JPEG_MODES:
        raise bad_parameter(
            "images", "of 1 or 3 channels for `jpeg`, which is not defined for others", channels
        )


def noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise."""
    # One image at a time: a draw for the whole batch would hang on its size.
    draws = [
        torch.randn(images.shape[1:], generator=generator, device=generator.device) for _ in images
    ]
    return images + torch.stack(draws).to(images) * deviation


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur by a Gaussian of `sigma` px, first along the rows, then along the columns."""
    radius = int(TRUNCATE * sigma + 0.5)
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    return smooth(smooth(images, weights, total, dim=2), weights, total, dim=3)


def smooth(images: Tensor, weights: list[float], total: float, *, dim: int) -> Tensor:
    """Convolve along `dim` with the symmetric kernel of the half `weights`, from its center on."""
    # Sums of shifted images: a convolution or a matrix product may change with the batch.
    size, radius = images.shape[dim], len(weights) - 1
    beyond = torch.arange(-radius, size + radius, device=images.device).clamp_(0, size - 1)
    wide = images.index_select(dim, beyond)
    out = wide.narrow(dim, radius, size) * (weights[0] / total)
    for step, weight in enumerate(weights[1:], start=1):
        pair = wide.narrow(dim, radius - step, size) + wide.narrow(dim, radius + step, size)
        out += pair.mul_(weight / total)
    return out


def contrast(images: Tensor, factor: float) -> Tensor:
    """Draw each channel of each image towards its mean."""
    mean = images.mean(3, keepdim=True).mean(2, keepdim=True)  # (N, C, 1, 1)
    return (images - mean) * factor + mean


def pixelate(images: Tensor, factor: float) -> Tensor:
    """Shrink to `factor` of the sides, rounded down, by a box, and enlarge to the nearest pixel."""
    height, width = images.shape[2:]
    small = shrunk(images, max(1, int(height * factor)), dim=2)
    small = shrunk(small, max(1, int(width * factor)), dim=3)
    return enlarged(enlarged(small, width, dim=3), height, dim=2)


def shrunk(images: Tensor, count: int, *, dim: int) -> Tensor:
    """Average the pixels along `dim` in `count` groups; in whole numbers, so that ties are sure."""
    size = images.shape[dim]
    edges = (torch.arange(count + 1, device=images.device) * 2 * size + count) // (2 * count)
    start, length = edges[:-1], edges.diff()
    shape = [count if axis == dim else 1 for axis in range(4)]
    total = images.index_select(dim, start)
    for step in range(1, int(length.max())):
        further = images.index_select(dim, (start + step).clamp_(max=size - 1))
        total += further.mul_((step < length).view(shape))
    return total.div_(length.view(shape))


def enlarged(images: Tensor, size: int, *, dim: int) -> Tensor:
    """Repeat the pixels along `dim` so that there are `size`, each the nearest one."""
    centers = torch.arange(size, device=images.device) * 2 + 1
    return images.index_select(dim, centers * images.shape[dim] // (2 * size))


def jpeg(images: Tensor, quality: float) -> Tensor:
    """Write each image as JPEG and read it again, with Pillow's settings for everything else."""
    with suggest_install(STUDY):
        from PIL import Image

    mode, size = JPEG_MODES[images.shape[1]], (images.shape[3], images.shape[2])
    pixels = (images * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous()
    decoded = bytearray()
    for image in pixels.numpy():
        file = BytesIO()
        Image.frombytes(mode, size, image.tobytes()).save(file, "JPEG", quality=int(quality))
        # `Image.open` would give the same, but first reads the header in Python, which takes longer.
        decoded += Image.frombytes(mode, size, file.getvalue(), "jpeg", mode, "").tobytes()
    read = torch.frombuffer(decoded, dtype=torch.uint8).view(pixels.shape)
    return read.permute(0, 3, 1, 2).contiguous().to(images) / 255


WITHOUT_CHANCE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "blur": blur,
    "contrast": contrast,
    "pixelate": pixelate,
    "jpeg": jpeg,
}
