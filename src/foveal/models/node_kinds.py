"""Kinds of trace nodes: convolution, norm, activation, addition, concatenation, pass-through."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.attention.inserted import is_inserted_gate
from foveal.models.tracing import Node

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, functional.conv2d, torch.conv2d)
_NORM_MODULES = (
    nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d,
)  # fmt: skip
NORMS = (
    *_NORM_MODULES, functional.batch_norm, functional.group_norm, functional.layer_norm,
)  # fmt: skip
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    functional.relu, functional.relu_, functional.relu6, functional.leaky_relu, functional.gelu,
    functional.silu, functional.hardswish, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_,
)  # fmt: skip
_ADDITION_FUNCTIONS = (
    torch.add,
    Tensor.add,
    Tensor.add_,
    Tensor.__add__,
    Tensor.__iadd__,
    Tensor.__radd__,
)
_PRODUCT_FUNCTIONS = (torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__)


def is_call_to(node: Node, callables: tuple[object, ...]) -> bool:
    """Return True if a node calls an instance of one of these classes, or one of these functions."""
    if isinstance(node.call, nn.Module):
        return isinstance(node.call, tuple(each for each in callables if isinstance(each, type)))
    return any(node.call is each for each in callables)


def is_feature_map(node: Node) -> bool:
    """Return True if the output of a node is a feature map (N, C, H, W)."""
    return len(node.shape) == 4


def is_norm(node: Node) -> bool:
    """Return True if a node is a norm, or the last call inside a module that is a norm."""
    return is_call_to(node, NORMS) or any(
        isinstance(module, _NORM_MODULES) for _, module in node.containers
    )


def is_addition(node: Node, nodes: list[Node]) -> bool:
    """Return True if a node adds two feature maps of the same shape."""
    return (
        is_call_to(node, _ADDITION_FUNCTIONS)
        and is_feature_map(node)
        and len(node.sources) == 2
        and all(nodes[source].shape == node.shape for source in node.sources)
    )


def is_merge(node: Node, nodes: list[Node]) -> bool:
    """Return True if a node merges several feature maps: an addition or a concatenation."""
    return is_addition(node, nodes) or (
        node.call is torch.cat and is_feature_map(node) and len(node.sources) > 1
    )


def is_passthrough(node: Node) -> bool:
    """Return True if a node returns its input unchanged, scaled by a parameter, or weighted by a gate."""
    scales = is_call_to(node, _PRODUCT_FUNCTIONS) and len(node.sources) == 1
    is_gate = isinstance(node.call, nn.Module) and is_inserted_gate(node.call)
    return node.returns_input or scales or is_gate
