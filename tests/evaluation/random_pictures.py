"""Random images for tests of corruptions and hidden windows."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor


def pictures(*shape: int, seed: int = 0) -> Tensor:
    """Return random images with 8-bit values, smooth enough that JPEG does not destroy them."""
    source = np.random.default_rng(seed)
    waves = gaussian_filter(source.normal(size=shape), (0, 0, 1.5, 1.5))
    scaled = (waves - waves.min()) / (waves.max() - waves.min())
    return torch.from_numpy(np.round(scaled * 255).astype(np.float32)) / 255


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
