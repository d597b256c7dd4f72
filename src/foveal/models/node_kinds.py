"""What a step of a trace is: a convolution, a norm, an addition, and so on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.attention.inserted import is_gate
from foveal.models.tracing import Node

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, functional.conv2d, torch.conv2d)
NORMS = (
    nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d,
    functional.batch_norm, functional.group_norm, functional.layer_norm,
)  # fmt: skip
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    functional.relu, functional.relu_, functional.relu6, functional.leaky_relu, functional.gelu,
    functional.silu, functional.hardswish, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_,
)  # fmt: skip
ADDITIONS = (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__)
PRODUCTS = (torch.mul, Tensor.mul, Tensor.__mul__, Tensor.__rmul__)


def is_kind(node: Node, kinds: tuple[object, ...]) -> bool:
    """Say whether a step calls a module of one of these classes, or one of these functions."""
    if isinstance(node.call, nn.Module):
        return isinstance(node.call, tuple(kind for kind in kinds if isinstance(kind, type)))
    return any(node.call is kind for kind in kinds)


def is_map(node: Node) -> bool:
    """Say whether the output is a feature map (N, C, H, W)."""
    return len(node.shape) == 4


def is_norm(node: Node) -> bool:
    """Say whether a step is a norm, or the end of a module that is one."""
    return is_kind(node, NORMS) or any(
        isinstance(owner, NORMS[:4])  # the classes among them
        for _, owner in node.owners
    )


def is_addition(node: Node, nodes: list[Node]) -> bool:
    """Say whether a step adds two feature maps of one shape."""
    return (
        is_kind(node, ADDITIONS)
        and is_map(node)
        and len(node.sources) == 2
        and all(nodes[source].shape == node.shape for source in node.sources)
    )


def is_join(node: Node, nodes: list[Node]) -> bool:
    """Say whether a step joins several ways: an addition, or a concatenation."""
    return is_addition(node, nodes) or (
        node.call is torch.cat and is_map(node) and len(node.sources) > 1
    )


def hands_on(node: Node) -> bool:
    """Say whether a step hands its input on, untouched or scaled by a parameter, or weighed."""
    scales = is_kind(node, PRODUCTS) and len(node.sources) == 1
    return node.passes or scales or (isinstance(node.call, nn.Module) and is_gate(node.call))
