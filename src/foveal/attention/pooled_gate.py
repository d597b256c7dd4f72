"""Gates that see the feature map through pools alone."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from foveal.attention.gate import GATES, Gate
from foveal.attention.pooling import pool_channels, pool_positions
from foveal.kernels.dispatch import takes_fast_path
from foveal.kernels.gate_ops import passes_take, weighed_by_channel, weighed_by_position


class PooledGate(Gate):
    """A gate whose logits depend on the map through `pools`, over positions or over channels.

    Subclasses give `logits_of`. Where it can be, the output is computed by few passes over the map (see
    `native_kernels`).
    """

    over: Literal["positions", "channels"]
    pools: tuple[str, ...] = ("avg",)

    def logits_of(self, pooled: Tensor) -> Tensor:
        """Return the logits of the pooled values, (N, pools, C) or (N, pools, H, W)."""
        raise NotImplementedError

    def map_of(self, pooled: Tensor) -> Tensor:
        """Return the map of the pooled values, through `tap`."""
        out: Tensor = self.tap(GATES[self.gate](self.logits_of(pooled)))
        return out

    def logits(self, x: Tensor) -> Tensor:
        """Return the map before the gate function."""
        pool = pool_positions if self.over == "positions" else pool_channels
        return self.logits_of(pool(x, self.pools))

    def forward(self, x: Tensor) -> Tensor:
        """Return F'."""
        if not (passes_take(self.pools) and takes_fast_path(x)):
            return super().forward(x)
        weighed = weighed_by_channel if self.over == "positions" else weighed_by_position
        return weighed(self, x, self.pools, self.map_of)
