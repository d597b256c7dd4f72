"""Recognition of activation functions that are not PyTorch's, by their effect on single values."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from foveal.attention.inserted import list_own_tensors
from foveal.models.tracing import Node
from foveal.module_modes import eval_mode

_SIDE = 3  # of the map on which a module is tried
_TRIED_VALUES = (-1.5, 0.5, 2.5)  # evenly spaced, on both sides of zero


def is_pointwise_nonlinearity(node: Node) -> bool:
    """Return True for a call of a module whose output at a position depends on the input there, not linearly.

    It is tried on a small map, in eval mode: one changed value may change one value of the output. Modules
    of PyTorch are not tried, nor modules with weights besides one per channel.
    """
    module = node.call
    if not isinstance(module, nn.Module) or module.__module__.startswith("torch."):
        return False
    if not node.returns_tensor or not node.takes_tensor or node.returns_input:
        return False
    if len(node.shape) != 4 or not has_weights_per_channel_only(module):
        return False
    with eval_mode(module), torch.no_grad():
        try:
            return _changes_one_value_nonlinearly(module, node)
        except Exception:  # a module of the user may refuse the small map
            return False


def has_weights_per_channel_only(module: nn.Module) -> bool:
    """Return True if each parameter and buffer of a leaf module has at most one dimension above 1."""
    return all(sum(size > 1 for size in t.shape) <= 1 for t in list_own_tensors(module))


def _changes_one_value_nonlinearly(module: nn.Module, node: Node) -> bool:
    """Return True if a change of one input value changes only that output value, and not in proportion."""
    shape = (1, node.shape[1], _SIDE, _SIDE)
    x = torch.linspace(-3, 3, math.prod(shape), dtype=node.dtype, device=node.device).view(shape)
    center = (0, 0, _SIDE // 2, _SIDE // 2)
    outputs = []
    for value in _TRIED_VALUES:
        x[center] = value
        outputs.append(module.forward(x.clone()))
    first, second, third = outputs
    if not isinstance(first, Tensor) or first.shape != shape:
        return False
    changes = torch.stack([second - first, third - second]).float()
    at_center = changes[:, *center].clone()
    changes[:, *center] = 0
    is_linear = torch.allclose(at_center[0], at_center[1], rtol=1e-2, atol=1e-3)
    return not changes.any() and not is_linear
