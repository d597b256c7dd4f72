"""Gates whose attention map depends on pools of the feature map only."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from foveal.attention.gate import GATE_FUNCTIONS, Gate
from foveal.attention.pooling import pool_over_channels, pool_over_positions
from foveal.kernels import apply_channel_attention, apply_spatial_attention, supports_pools


class PooledGate(Gate):
    """A gate whose logits depend on the feature map through `pools` over positions or over channels.

    Subclasses implement `logits_from_pools`. The output is computed by native kernels if they support the map
    and the pools (see `foveal.kernels.use`).
    """

    pooled_axis: Literal["positions", "channels"]
    pools: tuple[str, ...] = ("avg",)

    def logits_from_pools(self, pooled: Tensor) -> Tensor:
        """Return the logits for pooled values (N, pools, C) or (N, pools, H, W)."""
        raise NotImplementedError

    def map_from_pools(self, pooled: Tensor) -> Tensor:
        """Return the attention map for pooled values, passed through `map_probe`."""
        out: Tensor = self.map_probe(GATE_FUNCTIONS[self.gate](self.logits_from_pools(pooled)))
        return out

    def logits(self, x: Tensor) -> Tensor:
        """Return the attention map before the gate function."""
        over_positions = self.pooled_axis == "positions"
        pool = pool_over_positions if over_positions else pool_over_channels
        return self.logits_from_pools(pool(x, self.pools))

    def forward(self, x: Tensor) -> Tensor:
        """Return F'."""
        if not supports_pools(x, self.pools):
            return super().forward(x)
        over_positions = self.pooled_axis == "positions"
        apply_attention = apply_channel_attention if over_positions else apply_spatial_attention
        return apply_attention(self, x, self.pools, self.map_from_pools)
