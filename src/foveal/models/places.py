"""Where attention can stand in a network: each place is a function from a trace to sites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from foveal.models.tracing import Call

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.Identity)
ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Mish,
)


@dataclass(frozen=True)
class Site:
    """One place for a gate: the module whose output it weighs, and the shape of that output."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """C of the feature map."""
        return self.shape[1]


def behind_conv_blocks(calls: list[Call]) -> list[Site]:
    """After the activation of each conv - norm - activation block, before any pooling."""
    return [
        Site(call.name, call.shape)
        for call in calls
        if isinstance(call.module, ACTIVATIONS) and comes_from_convolution(call, calls)
    ]


def comes_from_convolution(call: Call, calls: list[Call]) -> bool:
    """Say whether the input of `call` is a convolution's output, norms between them aside."""
    source = call.source
    while source is not None and isinstance(calls[source].module, NORMS):
        source = calls[source].source
    return source is not None and isinstance(calls[source].module, CONVOLUTIONS)


PLACES: dict[str, Callable[[list[Call]], list[Site]]] = {"conv": behind_conv_blocks}
