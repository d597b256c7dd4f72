"""What every gate of a network says of an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.attention.identity_start import IdentityStart
from foveal.attention.inserted import site_of
from foveal.attention.map_capture import captured_maps
from foveal.errors import UsageError
from foveal.explanation.inputs import to_model
from foveal.kernels import native_kernels
from foveal.module_modes import eval_mode


@dataclass(frozen=True, eq=False)
class GateMap:
    """The map of one gate for N images.

    `name` is the gate's in the model, `site` the module whose output it weighs. `values` are what the
    features are multiplied by before any residual sum: (N, C, 1, 1) for a gate over channels,
    (N, 1, H, W) for one over positions, or of another shape that broadcasts to (N, C, H, W). `share` is
    the weight a of a gate that started from the identity, F + a (M - 1) (x) F, else 1.
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
        """The mean over channels, (N, H, W)."""
        return self.values.mean(1)

    @property
    def channel_weights(self) -> Tensor:
        """The mean over positions, (N, C)."""
        return self.values.mean((2, 3))


@torch.no_grad()
def gate_maps(model: nn.Module, images: Tensor) -> tuple[GateMap, ...]:
    """Return the map of every gate for images (N, C, H, W), in the order in which they ran.

    The maps are those of one forward pass in eval mode, on the CPU in float32. A CBAM has two gates, a
    BAM one map of both branches together. Modes come back, and no hook stays.

    Raises:
        UsageError: there is no gate of foveal in the model, or it is compiled.

    >>> from foveal.models import build_model
    >>> for gate in gate_maps(build_model("convnet", attention="series"), torch.rand(1, 3, 32, 32))[:2]:
    ...     print(gate.site, gate.kind, tuple(gate.values.shape))
    blocks.0.relu channel (1, 32, 1, 1)
    blocks.0.relu spatial (1, 1, 32, 32)
    """
    require_gates(model)
    with eval_mode(model), native_kernels(False), captured_maps(model) as maps:
        model(to_model(model, images))
    return tuple(
        GateMap(name, site_of(name), values.float().cpu(), get_mixing_weight(model, name))
        for name, values in maps.items()
    )


def has_gates(model: nn.Module) -> bool:
    """Say whether a model has gates of foveal, whose maps are known."""
    return any(isinstance(module, Gate) for module in model.modules())


def require_gates(model: nn.Module) -> None:
    """Refuse a model that has nothing to show."""
    if not has_gates(model):
        raise UsageError(
            "The model has no gate of foveal: insert attention first (modules of timm show no map)."
        )


def get_map_kind(values: Tensor) -> str:
    """Return over what a map (N, C, H, W) varies."""
    if values.shape[2:].numel() == 1:
        return "channel"
    return "spatial" if values.shape[1] == 1 else "both"


def get_mixing_weight(model: nn.Module, name: str) -> float:
    """Return the weight by which a gate is mixed in."""
    parts = name.split(".")
    above = (model.get_submodule(".".join(parts[:k])) for k in range(len(parts)))
    return next((float(m.weight) for m in above if isinstance(m, IdentityStart)), 1.0)
