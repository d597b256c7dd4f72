"""Random images for tests of corruptions and occlusion."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor


def make_images(*shape: int, seed: int = 0) -> Tensor:
    """Return random images with 8-bit values, smooth enough that JPEG does not destroy them."""
    rng = np.random.default_rng(seed)
    values = gaussian_filter(rng.normal(size=shape), (0, 0, 1.5, 1.5))
    scaled = (values - values.min()) / (values.max() - values.min())
    return torch.from_numpy(np.round(scaled * 255).astype(np.float32)) / 255


def make_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
