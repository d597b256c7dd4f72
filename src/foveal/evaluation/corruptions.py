"""Image corruptions of five severities: noise, blur, low contrast, pixelation, JPEG compression."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO

import torch
from torch import Tensor

from foveal.errors import bad_parameter, unknown_name
from foveal.optional_imports import STUDY_EXTRA, suggest_install

# For severities 1 to 5: noise and blur: standard deviation (of values, in px); contrast and pixelate:
# factor (of contrast, of the sides); jpeg: quality.
_CIFAR_AMOUNTS = {
    "noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80.0, 65.0, 58.0, 50.0, 40.0),
}
_IMAGENET_AMOUNTS = {
    "noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "blur": (1.0, 2.0, 3.0, 4.0, 6.0),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
    "jpeg": (25.0, 18.0, 15.0, 10.0, 7.0),
}
CORRUPTIONS = tuple(_CIFAR_AMOUNTS)
MAX_SEVERITY = 5
_MAX_CIFAR_SIDE = 64
_BLUR_RADIUS_SIGMAS = 4.0  # as in scipy and scikit-image
_JPEG_MODES = {1: "L", 3: "RGB"}


def get_corruption_amount(kind: str, severity: int, size: tuple[int, int]) -> float:
    """Return the parameter of a corruption for images of `size` (H, W).

    Values are those of CIFAR-10-C if the longer side is at most 64 px, otherwise those of ImageNet-C.

    Raises:
        UsageError: the kind or the severity is unknown.

    >>> get_corruption_amount("blur", 2, (32, 32)), get_corruption_amount("blur", 2, (224, 160))
    (0.6, 2.0)
    """
    if kind not in CORRUPTIONS:
        raise unknown_name("corruption", kind, CORRUPTIONS)
    if severity not in range(1, MAX_SEVERITY + 1):
        raise bad_parameter("severity", f"a whole number from 1 to {MAX_SEVERITY}", severity)
    amounts = _CIFAR_AMOUNTS if max(size) <= _MAX_CIFAR_SIDE else _IMAGENET_AMOUNTS
    return amounts[kind][severity - 1]


@torch.no_grad()
def corrupt_images(
    images: Tensor, kind: str, severity: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Return a corrupted copy of images in [0, 1], (N, C, H, W), of the same shape, dtype and device.

    Args:
        images: not yet normalized.
        kind: `noise` adds independent Gaussian noise; `blur` is Gaussian; `contrast` moves each
            channel towards its mean; `pixelate` downscales and upscales; `jpeg` compresses, and
            requires one or three channels.
        severity: 1 to 5; `get_corruption_amount` returns the corresponding parameter.
        generator: source of the noise, drawn image by image; unused by the other kinds.

    Each image is corrupted independently: on a CPU, with one CPU generator for all batches, the result
    is bitwise independent of the batch size.

    Raises:
        UsageError: unknown kind or severity, values outside [0, 1], or noise without a generator.

    Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common
    Corruptions and Perturbations", and the authors' code. Differences: the authors truncate all results
    to 8-bit values and store ImageNet-C as JPEG once more, while our results stay floating, except for
    `jpeg`, which rounds to 8 bits; the authors draw noise with numpy. `blur` and `pixelate` follow the
    authors' libraries without intermediate rounding: border pixels are replicated, and a large pixel is
    the mean of the whole pixels whose center is inside it.
    """
    require_images(images)
    amount = get_corruption_amount(kind, severity, (images.shape[2], images.shape[3]))
    require_channels(kind, images.shape[1])
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):  # negated, because comparisons with NaN are false
        raise bad_parameter("images", "in [0, 1]", (float(low), float(high)))
    # Another layout would change the order of sums; half precision would round at each step.
    exact = images.to(torch.promote_types(images.dtype, torch.float32)).contiguous()
    if kind == "noise":
        if generator is None:
            raise bad_parameter("generator", "a torch.Generator for `noise`", generator)
        corrupted = _add_noise(exact, amount, generator)
    else:
        corrupted = _DETERMINISTIC_CORRUPTIONS[kind](exact, amount)
    return corrupted.clamp_(0, 1).to(images.dtype)


def require_images(images: Tensor) -> None:
    """Raise UsageError unless `images` are floating, (N, C, H, W) and not empty."""
    if images.ndim != 4 or not images.is_floating_point() or images.numel() == 0:
        found = (tuple(images.shape), images.dtype)
        raise bad_parameter("images", "floating, (N, C, H, W) and not empty", found)


def list_supported_corruptions(channels: int) -> list[str]:
    """Return the corruptions defined for images of this number of channels."""
    return [kind for kind in CORRUPTIONS if kind != "jpeg" or channels in _JPEG_MODES]


def require_channels(kind: str, channels: int) -> None:
    """Raise UsageError if the corruption is not defined for this number of channels."""
    if kind in CORRUPTIONS and kind not in list_supported_corruptions(channels):
        raise bad_parameter(
            "images", "of 1 or 3 channels for `jpeg`, which is not defined for others", channels
        )


def _add_noise(images: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return the images with Gaussian noise of standard deviation `sigma`."""
    # One image at a time: a single draw for the batch would depend on the batch size.
    draws = [
        torch.randn(images.shape[1:], generator=generator, device=generator.device) for _ in images
    ]
    return images + torch.stack(draws).to(images) * sigma


def _blur_images(images: Tensor, sigma: float) -> Tensor:
    """Return the images blurred by a Gaussian of `sigma` px, first along dim 2, then along dim 3."""
    radius = int(_BLUR_RADIUS_SIGMAS * sigma + 0.5)
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    blurred = _convolve_symmetric(images, weights, total, dim=2)
    return _convolve_symmetric(blurred, weights, total, dim=3)


def _convolve_symmetric(images: Tensor, weights: list[float], total: float, *, dim: int) -> Tensor:
    """Convolve along `dim` with a symmetric kernel; `weights` is its half from the center outwards."""
    # A sum of shifted images: the result of a convolution or matmul may depend on the batch size.
    size, radius = images.shape[dim], len(weights) - 1
    replicated = torch.arange(-radius, size + radius, device=images.device).clamp_(0, size - 1)
    padded = images.index_select(dim, replicated)
    out = padded.narrow(dim, radius, size) * (weights[0] / total)
    for step, weight in enumerate(weights[1:], start=1):
        pair = padded.narrow(dim, radius - step, size) + padded.narrow(dim, radius + step, size)
        out += pair.mul_(weight / total)
    return out


def _reduce_contrast(images: Tensor, factor: float) -> Tensor:
    """Return the images with each channel moved towards its mean."""
    mean = images.mean(3, keepdim=True).mean(2, keepdim=True)  # (N, C, 1, 1)
    return (images - mean) * factor + mean


def _pixelate_images(images: Tensor, factor: float) -> Tensor:
    """Downscale by a box filter to `factor` of the sides, rounded down, and upscale to nearest."""
    height, width = images.shape[2:]
    small = _downscale(images, max(1, int(height * factor)), dim=2)
    small = _downscale(small, max(1, int(width * factor)), dim=3)
    return _upscale(_upscale(small, width, dim=3), height, dim=2)


def _downscale(images: Tensor, size: int, *, dim: int) -> Tensor:
    """Average the pixels along `dim` in `size` groups; integer edges make ties deterministic."""
    old_size = images.shape[dim]
    edges = (torch.arange(size + 1, device=images.device) * 2 * old_size + size) // (2 * size)
    start, length = edges[:-1], edges.diff()
    shape = [size if axis == dim else 1 for axis in range(4)]
    total = images.index_select(dim, start)
    for step in range(1, int(length.max())):
        values = images.index_select(dim, (start + step).clamp_(max=old_size - 1))
        total += values.mul_((step < length).view(shape))
    return total.div_(length.view(shape))


def _upscale(images: Tensor, size: int, *, dim: int) -> Tensor:
    """Enlarge dimension `dim` to `size` by repeating the nearest pixels."""
    centers = torch.arange(size, device=images.device) * 2 + 1
    return images.index_select(dim, centers * images.shape[dim] // (2 * size))


def _compress_jpeg(images: Tensor, quality: float) -> Tensor:
    """Return the images after JPEG compression with Pillow's default settings except `quality`."""
    with suggest_install(STUDY_EXTRA):
        from PIL import Image

    mode, size = _JPEG_MODES[images.shape[1]], (images.shape[3], images.shape[2])
    pixels = (images * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1).contiguous()
    decoded = bytearray()
    for image in pixels.numpy():
        file = BytesIO()
        Image.frombytes(mode, size, image.tobytes()).save(file, "JPEG", quality=int(quality))
        # Equal to `Image.open`, but faster: that parses the header in Python first.
        decoded += Image.frombytes(mode, size, file.getvalue(), "jpeg", mode, "").tobytes()
    values = torch.frombuffer(decoded, dtype=torch.uint8).view(pixels.shape)
    return values.permute(0, 3, 1, 2).contiguous().to(images) / 255


_DETERMINISTIC_CORRUPTIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "blur": _blur_images,
    "contrast": _reduce_contrast,
    "pixelate": _pixelate_images,
    "jpeg": _compress_jpeg,
}
