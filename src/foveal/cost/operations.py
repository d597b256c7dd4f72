"""What one operation counts: multiply-adds, or work on elements, or neither, and then it is named.

One multiply-add is one MAC, of convolutions and matrix products alone, as `torch.utils.flop_counter`
knows them (it counts two operations for each). All other arithmetic is counted by elements:

- an operation on each element (add, multiply, ReLU, sigmoid): one an element of the output;
- a reduction (mean, maximum, sum, norm, and pooling to a fixed size): one an element of the input;
- pooling by windows: one an element of the output and position of the window;
- a norm: one an element with running statistics, two where it takes statistics first; softmax: two;
- interpolation: one a weighed neighbor.

A bias is not counted where torch adds it in the same operation. Views touch nothing and count nothing.
What only moves numbers (copies, concatenations, padding), and what has no rule, is not counted, and said so
by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

Rule = Callable[[tuple[Any, ...], Any], int]

aten = torch.ops.aten
# Marked as work on elements by torch, but only moving them; or not marked as views, but being some.
MOVES = {aten.clone, aten.copy_, aten._to_copy, aten.fill_, aten.fill, aten.zero_}
VIEWS = {
    aten._unsafe_view, aten._reshape_alias, aten.lift_fresh, aten.as_strided_, aten.unsafe_split,
}  # fmt: skip
ALLOCATIONS = {
    aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.empty_permuted,
    aten.zeros, aten.zeros_like, aten.ones, aten.scalar_tensor,
}  # fmt: skip
# Not marked as work on elements by torch, but nothing else.
EACH = {
    aten.hardswish, aten.hardswish_, aten._prelu_kernel, aten.log_sigmoid_forward,
    aten.rrelu_with_noise,
}  # fmt: skip
WITH_VECTORS = {aten.mv, aten.dot, aten.vdot}  # products for which flop_counter has no formula


def multiply_adds(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the MACs of an operation, None where torch has no formula of it."""
    if func._overloadpacket in WITH_VECTORS:
        return first(args).numel()
    formula = flop_registry.get(func._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=out)) // 2


def elements(func: Any, args: tuple[Any, ...], out: Any) -> int | None:
    """Return the elements that an operation works on, None where there is no rule for it."""
    packet = func._overloadpacket
    if func.is_view or packet in VIEWS or packet in ALLOCATIONS:
        return 0
    if packet in MOVES:
        return None
    if packet in RULES:
        return RULES[packet](args, out)
    if packet in EACH or torch.Tag.pointwise in func.tags:
        return first(out).numel()
    if torch.Tag.reduction in func.tags:
        return first(args).numel()
    return None


def first(values: Any) -> Tensor:
    """Return the first tensor of what an operation takes or gives."""
    tensors = [values] if isinstance(values, Tensor) else values
    return next(tensor for tensor in tensors if isinstance(tensor, Tensor))


def of_input(args: tuple[Any, ...], _: Any) -> int:
    """Count one an element of the input."""
    return first(args).numel()


def twice_the_input(args: tuple[Any, ...], _: Any) -> int:
    """Count a pass for the statistics and one for the result."""
    return 2 * first(args).numel()


def of_norm(args: tuple[Any, ...], _: Any) -> int:
    """Count a pass for the result, and one for the statistics where they are taken from the batch."""
    takes_statistics = any(arg is True for arg in args)
    return first(args).numel() * (2 if takes_statistics else 1)


def by_window(dimensions: int) -> Rule:
    """Count one a position of the window, for pooling over so many dimensions."""

    def count(args: tuple[Any, ...], out: Any) -> int:
        size = args[1]
        window: int = math.prod(size) if len(size) > 1 else size[0] ** dimensions
        return first(out).numel() * window

    return count


def by_corners(corners: int) -> Rule:
    """Count so many weighed neighbors an element of the output."""
    return lambda _, out: corners * first(out).numel()


RULES: dict[Any, Rule] = {
    **dict.fromkeys([aten.max_pool2d_with_indices, aten.avg_pool2d, aten.max_pool2d], by_window(2)),
    **dict.fromkeys([aten.max_pool3d_with_indices, aten.avg_pool3d, aten.max_pool3d], by_window(3)),
    aten.avg_pool1d: by_window(1),
    aten._adaptive_avg_pool2d: of_input,
    aten._adaptive_avg_pool3d: of_input,
    aten.adaptive_max_pool2d: of_input,
    aten.adaptive_max_pool3d: of_input,
    aten.native_batch_norm: of_norm,
    aten._native_batch_norm_legit: of_norm,
    aten._native_batch_norm_legit_no_training: of_norm,
    aten._batch_norm_no_update: of_norm,
    aten.cudnn_batch_norm: of_norm,
    aten.native_layer_norm: twice_the_input,
    aten.native_group_norm: twice_the_input,
    aten._softmax: twice_the_input,
    aten._safe_softmax: twice_the_input,
    aten._log_softmax: twice_the_input,
    aten.upsample_linear1d: by_corners(2),
    aten.upsample_trilinear3d: by_corners(8),
    aten.upsample_bilinear2d: by_corners(4),
    aten.upsample_bicubic2d: by_corners(16),
}
"""Operations whose count does not follow from how torch marks them."""
