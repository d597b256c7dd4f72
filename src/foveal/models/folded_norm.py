"""Norms that a conversion folds into the convolution before them, and their gates.

`torch.fx` copies the convolution alone, gives the copy the folded weights and drops the norm, with its gate.
A hook that the copy takes along applies the gate after the convolution then: the output is the same.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from foveal.models.gate_hooks import attach_gate
from foveal.models.sites import Site
from foveal.models.tracing import Trace

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
_TOLERANCE = 1e-3  # of folded weights, relative


class CopyMark:
    """Object of a guard that a copy of the whole network copies first."""


class FoldedNormHook:
    """Forward hook of a convolution, without effect except in a copy of it alone with folded weights.

    Args:
        mark: object that a copy of the network copies before the convolution.
        convolution: the convolution.
        norm: the norm after it, which holds a gate.
        gate: the gate.
    """

    def __init__(
        self, mark: CopyMark, convolution: Convolution, norm: nn.Module, gate: nn.Module
    ) -> None:
        self.mark = mark
        self.norm = norm
        self.gate = gate
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.is_alone = False

    def __deepcopy__(self, memo: dict[int, object]) -> FoldedNormHook:
        """Return a copy, which records whether its convolution is copied without the network."""
        new = FoldedNormHook.__new__(FoldedNormHook)
        memo[id(self)] = new
        is_alone = self.is_alone or id(self.mark) not in memo
        new.__dict__.update(
            {name: copy.deepcopy(value, memo) for name, value in vars(self).items()}
        )
        new.is_alone = is_alone
        return new

    def __call__(self, module: Convolution, _: object, output: Tensor) -> Tensor | None:
        """Return the output of the convolution, weighted by the gate if the norm is folded into it."""
        if not self.is_alone or module.weight is self.weight or not self.is_folded(module):
            return None
        weighted: Tensor = self.gate(output)
        if not torch.compiler.is_compiling():
            remove_folding_hooks(module)
            attach_gate(module, self.gate)
        return weighted

    def is_folded(self, convolution: Convolution) -> bool:
        """Return True if a convolution has the weights that folding the norm into it gives."""
        if convolution.bias is None:
            return False
        if self.bias is None:
            return True
        norm, old, new = self.norm, self.weight, convolution.weight
        if not isinstance(norm, _BatchNorm) or norm.running_var is None or old.shape != new.shape:
            return False
        with torch.no_grad():
            scale = (norm.running_var + norm.eps).rsqrt()
            scale = scale if norm.weight is None else scale * norm.weight
            expected = (old * scale.view(-1, *[1] * (old.dim() - 1))).to(new)
            return torch.allclose(new, expected, rtol=_TOLERANCE, atol=_TOLERANCE)


def remove_folding_hooks(convolution: nn.Module) -> None:
    """Remove the hooks of this file from a convolution."""
    hooks = convolution._forward_hooks
    for key in [key for key, hook in hooks.items() if isinstance(hook, FoldedNormHook)]:
        del hooks[key]


def find_folding_convolution(trace: Trace, site: Site) -> str | None:
    """Return the name of the convolution that feeds the batch norm at a site alone, or None.

    Such a pair may be folded into one convolution.
    """
    for index, node in enumerate(trace.nodes):
        is_site = node.name == site.name and site.position == "output"
        if is_site and isinstance(node.call, _BatchNorm) and len(node.sources) == 1:
            source = trace.nodes[node.sources[0]]
            is_alone = trace.get_only_consumer(node.sources[0]) == index
            if isinstance(source.call, Convolution) and is_alone:
                return source.name
    return None
