"""Memory layout of feature maps, as the kernels see it: a matrix of rows of adjacent values per image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Shape and memory format of a map (N, C, H, W), where P = H W is the number of positions.

    In channels_last maps a row has the C channels of one position; in contiguous maps it has the P positions of
    one channel.
    """

    images: int
    channels: int
    positions: int
    channels_last: bool

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format in PyTorch's terms."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Number of rows and columns of one image."""
        if self.channels_last:
            return self.positions, self.channels
        return self.channels, self.positions

    def to_rows_and_columns(
        self, per_channel: Tensor | None, per_position: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the two tensors in the order: one value per row, one value per column."""
        return (per_position, per_channel) if self.channels_last else (per_channel, per_position)


def find_layout(x: Tensor) -> Layout | None:
    """Return the layout of a map (N, C, H, W), or None if it is neither contiguous nor channels_last."""
    n, c, h, w = x.shape
    if x.is_contiguous():
        return Layout(n, c, h * w, channels_last=False)
    if x.is_contiguous(memory_format=torch.channels_last):
        return Layout(n, c, h * w, channels_last=True)
    return None


def require_layout(x: Tensor) -> Layout:
    """Return the layout of a map that has passed `supports_map`."""
    layout = find_layout(x)
    assert layout is not None
    return layout


def match_layout(gradient: Tensor, dtype: torch.dtype, layout: Layout) -> Tensor:
    """Return a gradient in the dtype and memory format of its map."""
    return gradient.to(dtype).contiguous(memory_format=layout.memory_format)


def get_accumulator_dtype(x: Tensor) -> torch.dtype:
    """Return the dtype of sums, pools and weights of a map: float64 for float64, otherwise float32."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32
