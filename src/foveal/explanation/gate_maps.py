"""Attention maps of every gate of a network for given images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.gate import Gate
from foveal.attention.identity_start import IdentityStart
from foveal.attention.inserted import find_gates, get_site_name
from foveal.attention.map_capture import capture_maps
from foveal.errors import UsageError
from foveal.explanation.input_validation import move_to_model
from foveal.module_modes import eval_mode


@dataclass(frozen=True, eq=False)
class GateMap:
    """Map of one gate for N images.

    `name` is the name of the gate in the model, `site` the module whose output it weights. `values` are the
    factors of the features before any residual sum: (N, C, 1, 1) for a channel gate, (N, 1, H, W) for a
    spatial gate, or another shape that broadcasts to (N, C, H, W). `mixing_weight` is the weight a of a gate
    with identity start, F + a (M - 1) (x) F, otherwise 1.
    """

    name: str
    site: str
    values: Tensor
    mixing_weight: float = 1.0

    @property
    def kind(self) -> str:
        """`channel`, `spatial`, or `both` for a map over channels and positions."""
        return get_map_kind(self.values)

    @property
    def spatial_map(self) -> Tensor:
        """Mean over channels, (N, H, W)."""
        return self.values.mean(1)

    @property
    def channel_weights(self) -> Tensor:
        """Mean over positions, (N, C)."""
        return self.values.mean((2, 3))


@torch.no_grad()
def gate_maps(model: nn.Module, images: Tensor) -> tuple[GateMap, ...]:
    """Return the map of every gate for images (N, C, H, W), in the order in which the gates run.

    The maps are from one forward pass in eval mode, on the CPU in float32. A CBAM has two gates; a BAM has
    one map that combines both branches. Afterwards each module has its previous mode, and no hook remains.

    Raises:
        UsageError: the model contains no gate of foveal, or is compiled.

    >>> from foveal.models import build_model
    >>> for gate in gate_maps(build_model("convnet", attention="cbam"), torch.rand(1, 3, 32, 32))[:2]:
    ...     print(gate.site, gate.kind, tuple(gate.values.shape))
    blocks.0.relu channel (1, 32, 1, 1)
    blocks.0.relu spatial (1, 1, 32, 32)
    """
    require_gates(model)
    with eval_mode(model), kernels.use("plain"), capture_maps(model) as maps:
        model(move_to_model(model, images))
    return tuple(
        GateMap(
            name, get_site_name(model, name), values.float().cpu(), get_mixing_weight(model, name)
        )
        for name, values in maps.items()
    )


def has_gates(model: nn.Module) -> bool:
    """Return True if a model contains gates of foveal; other attention modules do not expose maps."""
    return any(isinstance(module, Gate) for module in model.modules())


def require_gates(model: nn.Module) -> None:
    """Raise a `UsageError` if a model contains no gate of foveal."""
    if has_gates(model):
        return
    if others := sorted({type(gate).__name__ for gate in find_gates(model).values()}):
        raise UsageError(
            f"The gates of the model ({', '.join(others)}) expose no map. A module exposes one if it is a "
            "subclass of foveal.attention.Gate."
        )
    raise UsageError("The model has no gate of foveal. Insert attention first.")


def get_map_kind(values: Tensor) -> str:
    """Return `channel`, `spatial` or `both`: the axes along which a map (N, C, H, W) varies."""
    if values.shape[2:].numel() == 1:
        return "channel"
    return "spatial" if values.shape[1] == 1 else "both"


def get_mixing_weight(model: nn.Module, name: str) -> float:
    """Return the weight of the `IdentityStart` around a gate, 1 without one."""
    parts = name.split(".")
    parents = (model.get_submodule(".".join(parts[:depth])) for depth in range(len(parts)))
    return next((float(m.mixing_weight) for m in parents if isinstance(m, IdentityStart)), 1.0)
