"""Kinds of trace nodes: convolution, norm, activation, addition, concatenation, pass-through."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from foveal.attention.inserted import list_own_tensors
from foveal.models.pointwise import has_weights_per_channel_only, is_pointwise_nonlinearity
from foveal.models.tracing import Node

_CONVOLUTION_MODULES = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
CONVOLUTIONS = (
    *_CONVOLUTION_MODULES,
    functional.conv1d, functional.conv2d, functional.conv3d, torch.conv1d, torch.conv2d, torch.conv3d,
    functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d,
    torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d,
)  # fmt: skip
LINEAR_LAYERS = (nn.Linear, functional.linear, nn.Bilinear, torch.matmul, Tensor.matmul, torch.bmm)
_NORM_MODULES = (
    nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm,
    nn.LocalResponseNorm, nn.RMSNorm,
)  # fmt: skip
NORMS = (
    *_NORM_MODULES, functional.batch_norm, functional.group_norm, functional.layer_norm,
    functional.instance_norm, functional.local_response_norm, torch.batch_norm, torch.group_norm,
    torch.layer_norm, torch.instance_norm,
)  # fmt: skip
_BOUNDED_ACTIVATIONS = (
    nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh, nn.Softsign, nn.LogSigmoid, nn.Softmax, nn.Softmax2d,
    functional.sigmoid, functional.hardsigmoid, functional.tanh, functional.hardtanh, functional.hardtanh_,
    functional.softsign, functional.logsigmoid, torch.sigmoid, torch.sigmoid_, torch.tanh, torch.tanh_,
    Tensor.sigmoid, Tensor.sigmoid_, Tensor.tanh, Tensor.tanh_,
)  # fmt: skip
_RELUS = (
    nn.ReLU, functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_,
)  # fmt: skip
_LEAKY_RELUS = (nn.LeakyReLU, functional.leaky_relu)
ACTIVATIONS = (
    *_RELUS, *_LEAKY_RELUS, *_BOUNDED_ACTIVATIONS,
    nn.ReLU6, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish,
    nn.Softplus, nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink,
    functional.relu6, functional.prelu, torch.prelu, Tensor.prelu, functional.rrelu, torch.rrelu,
    functional.elu, functional.celu, torch.celu, functional.selu, torch.selu, functional.gelu,
    functional.silu, functional.mish, functional.hardswish, functional.softplus, functional.threshold,
    functional.hardshrink, functional.softshrink, functional.tanhshrink,
    functional.leaky_relu_, functional.elu_, torch.celu_, torch.selu_, torch.rrelu_, torch.threshold_,
    torch.clamp, torch.clamp_min, Tensor.clamp, Tensor.clamp_, Tensor.clamp_min, Tensor.clamp_min_,
)  # fmt: skip
_POINTWISE_NAMES = {  # of functions, without the underscores around them
    "add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "div", "rdiv", "truediv",
    "rtruediv", "itruediv", "true_divide", "pow", "neg", "clamp", "clamp_min", "clamp_max", "exp", "erf",
    "log", "log1p", "sqrt", "square", "tanh", "sigmoid",
}  # fmt: skip
_MAX_POOLS = (
    nn.MaxPool2d, nn.AdaptiveMaxPool2d, functional.max_pool2d, functional.adaptive_max_pool2d, torch.max_pool2d,
)  # fmt: skip
_POOLS = (
    *_MAX_POOLS, nn.AvgPool2d, functional.avg_pool2d, nn.LPPool2d, functional.lp_pool2d,
)  # fmt: skip
_PADDINGS = (
    nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ConstantPad2d, nn.CircularPad2d, functional.pad,
)  # fmt: skip
_ADDITION_FUNCTIONS = (
    torch.add,
    Tensor.add,
    Tensor.add_,
    Tensor.__add__,
    Tensor.__iadd__,
    Tensor.__radd__,
)
_PRODUCT_FUNCTIONS = (
    torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__, Tensor.__rmul__,
)  # fmt: skip
_CONCATENATIONS = (torch.cat, torch.concat, torch.concatenate)
_CONVOLUTION_DIMS = 4  # of the weight of a 2d convolution


def is_call_to(node: Node, callables: tuple[object, ...]) -> bool:
    """Return True if a node calls an instance of one of these classes, or one of these functions."""
    if isinstance(node.call, nn.Module):
        return isinstance(node.call, tuple(each for each in callables if isinstance(each, type)))
    return any(node.call is each for each in callables)


def is_feature_map(node: Node) -> bool:
    """Return True if the output of a node is a feature map (N, C, H, W)."""
    return len(node.shape) == 4 and node.dtype.is_floating_point


def get_area(node: Node) -> int:
    """Return height times width of the output of a node, 0 if it is not a feature map."""
    return math.prod(node.shape[2:]) if is_feature_map(node) else 0


def is_convolution(node: Node) -> bool:
    """Return True for a convolution, also one of the user's: a module with a weight for its channels."""
    if is_call_to(node, CONVOLUTIONS):
        return True
    if not isinstance(node.call, nn.Module) or not is_feature_map(node):
        return False
    weights = [p.shape for p in node.call.parameters(recurse=False) if p.dim() == _CONVOLUTION_DIMS]
    return any(node.shape[1] in shape[:2] and shape[0] > 1 for shape in weights)


def is_weight_layer(node: Node) -> bool:
    """Return True for a convolution or a linear layer."""
    return is_convolution(node) or is_call_to(node, LINEAR_LAYERS)


def is_norm(node: Node) -> bool:
    """Return True if a node is a norm, or the last call inside a module that is a norm.

    A module of the user without children is one if it keeps the shape and has weights per channel only.
    """
    return (
        is_call_to(node, NORMS)
        or any(isinstance(module, _NORM_MODULES) for _, module in node.containers)
        or _is_scale_per_channel(node)
    )


def _is_scale_per_channel(node: Node) -> bool:
    """Return True for a module of the user that scales each channel, such as a frozen batch norm."""
    module = node.call
    if not isinstance(module, nn.Module) or module.__module__.startswith("torch."):
        return False
    return (
        is_feature_map(node)
        and any(tensor.numel() == node.shape[1] for tensor in list_own_tensors(module))
        and has_weights_per_channel_only(module)
        and not is_pointwise_nonlinearity(node)
    )


def is_norm_module(module: nn.Module) -> bool:
    """Return True for a norm of PyTorch or a module derived from one."""
    return isinstance(module, _NORM_MODULES)


def is_activation(node: Node) -> bool:
    """Return True for an activation function, also one of the user's as a module without children."""
    return is_call_to(node, ACTIVATIONS) or is_pointwise_nonlinearity(node)


def is_bounded_activation(node: Node) -> bool:
    """Return True for an activation with a bounded range, which often ends a network or makes a factor."""
    return is_call_to(node, _BOUNDED_ACTIVATIONS)


def get_negative_slope(node: Node) -> float | None:
    """Return the slope of a ReLU (0) or LeakyReLU below zero, None for anything else or a slope below 0."""
    if is_call_to(node, _RELUS) and type(node.call) is not nn.ReLU6:
        return 0.0
    if not is_call_to(node, _LEAKY_RELUS):
        return None
    slope = getattr(node.call, "negative_slope", node.keywords.get("negative_slope", 0.01))
    return float(slope) if slope >= 0 else None


def is_max_pool(node: Node) -> bool:
    """Return True for max pooling of feature maps."""
    return is_call_to(node, _MAX_POOLS)


def is_pool(node: Node) -> bool:
    """Return True for pooling of feature maps by windows."""
    return is_call_to(node, _POOLS)


def is_padding(node: Node) -> bool:
    """Return True for padding of feature maps."""
    return is_call_to(node, _PADDINGS)


def is_addition(node: Node, nodes: list[Node]) -> bool:
    """Return True if a node adds two feature maps of the same shape."""
    return (
        is_call_to(node, _ADDITION_FUNCTIONS)
        and is_feature_map(node)
        and len(node.sources) == 2
        and all(nodes[source].shape == node.shape for source in node.sources)
    )


def is_product(node: Node) -> bool:
    """Return True if a node multiplies two tensors of the network."""
    return is_call_to(node, _PRODUCT_FUNCTIONS) and len(node.sources) == 2


def is_concatenation(node: Node) -> bool:
    """Return True if a node concatenates several feature maps."""
    return is_call_to(node, _CONCATENATIONS) and is_feature_map(node) and len(node.sources) > 1


def is_merge(node: Node, nodes: list[Node]) -> bool:
    """Return True if a node merges several feature maps: an addition or a concatenation."""
    return is_addition(node, nodes) or is_concatenation(node)


def is_passthrough(node: Node) -> bool:
    """Return True if a node returns its input unchanged, or scaled or shifted by a parameter or a number."""
    functions = (*_PRODUCT_FUNCTIONS, *_ADDITION_FUNCTIONS)
    return node.returns_input or (is_call_to(node, functions) and len(node.sources) == 1)


def is_pointwise(node: Node) -> bool:
    """Return True if a node computes each value from one value of one map."""
    if len(node.sources) != 1:
        return False
    is_function = not isinstance(node.call, nn.Module)
    return (
        is_activation(node)
        or is_passthrough(node)
        or (is_function and node.name.strip("_") in _POINTWISE_NAMES)
    )
