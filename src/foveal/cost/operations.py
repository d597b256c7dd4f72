"""Operation counts: multiply-adds and element operations of every operator that torch runs.

One multiply-add is one MAC, of convolutions and matrix products alone, as `torch.utils.flop_counter`
defines them (it counts two operations for each). All other arithmetic is counted by elements:

- a pointwise operation (add, multiply, ReLU, sigmoid): one per element of the output;
- a reduction (mean, maximum, sum, norm, and pooling to a fixed size): one per element of the input;
- pooling by windows: one per element of the output and position of the window;
- a normalization: one per element with running statistics, two if it computes statistics first; softmax: two;
- interpolation: one per weighted neighbor.

A bias is not counted if torch adds it in the same operation. Views and allocations count zero. Operations that
only move values (copies, concatenations, padding), and operations without a rule, are not counted and are
listed by name.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from foveal.cost.attribution import Frame, FrameTracker

CountRule = Callable[[tuple[Any, ...], Any], int]

aten = torch.ops.aten
# Tagged as pointwise by torch although they only move values.
DATA_MOVEMENTS: Final = {
    aten.clone, aten.copy_, aten._to_copy, aten.fill_, aten.fill, aten.zero_,
}  # fmt: skip
# Views that torch does not mark as such.
VIEW_OPERATORS: Final = {
    aten._unsafe_view, aten._reshape_alias, aten.lift_fresh, aten.as_strided_, aten.unsafe_split,
}  # fmt: skip
ALLOCATION_OPERATORS: Final = {
    aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.empty_permuted,
    aten.zeros, aten.zeros_like, aten.ones, aten.scalar_tensor,
}  # fmt: skip
# Pointwise operations that torch does not tag as such.
POINTWISE_OPERATORS: Final = {
    aten.hardswish, aten.hardswish_, aten._prelu_kernel, aten.log_sigmoid_forward,
    aten.rrelu_with_noise,
}  # fmt: skip
# Products with vectors, which have no formula in flop_counter.
VECTOR_PRODUCT_OPERATORS: Final = {aten.mv, aten.dot, aten.vdot}


@dataclass
class OperationTally:
    """Operations of one frame: MACs, elements by operation, and calls of uncounted operations."""

    macs: int = 0
    elements: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counter of every operation that torch runs, by the frame that caused it."""

    def __init__(self, frames: FrameTracker) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.frames = frames
        self.tallies: defaultdict[Frame, OperationTally] = defaultdict(OperationTally)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        """Run one operation and count it for the current frame."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        tally = self.tallies[self.frames.current]
        macs = count_macs(func, args, kwargs, out)
        if macs is not None:
            tally.macs += macs
            return out
        name = func._overloadpacket.__name__.strip("_")
        elements = count_elements(func, args, out)
        if elements is None:
            tally.uncounted[name] += 1
        elif elements:
            tally.elements[name] += elements
        return out


@contextmanager
def record_operations(frames: FrameTracker) -> Iterator[OperationCounter]:
    """Yield a counter of the operations in this block.

    Scaled dot-product attention runs as matrix products, so that they are counted as such.
    """
    with sdpa_kernel(SDPBackend.MATH), OperationCounter(frames) as counter:
        yield counter


def count_macs(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the MACs of an operation, or None if torch has no formula for it."""
    if func._overloadpacket in VECTOR_PRODUCT_OPERATORS:
        return get_first_tensor(args).numel()
    formula = flop_registry.get(func._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=out)) // 2


def count_elements(func: Any, args: tuple[Any, ...], out: Any) -> int | None:
    """Return the elements that an operation works on, or None if there is no rule for it."""
    packet = func._overloadpacket
    if func.is_view or packet in VIEW_OPERATORS or packet in ALLOCATION_OPERATORS:
        return 0
    if packet in DATA_MOVEMENTS:
        return None
    if packet in COUNT_RULES:
        return COUNT_RULES[packet](args, out)
    if packet in POINTWISE_OPERATORS or torch.Tag.pointwise in func.tags:
        return get_first_tensor(out).numel()
    if torch.Tag.reduction in func.tags:
        return get_first_tensor(args).numel()
    return None


def get_first_tensor(values: Any) -> Tensor:
    """Return the first tensor among the inputs or outputs of an operation."""
    tensors = [values] if isinstance(values, Tensor) else values
    return next(tensor for tensor in tensors if isinstance(tensor, Tensor))


def count_input(args: tuple[Any, ...], _: Any) -> int:
    """Return one per element of the input."""
    return get_first_tensor(args).numel()


def count_input_twice(args: tuple[Any, ...], _: Any) -> int:
    """Return two per element of the input: the statistics and the result."""
    return 2 * get_first_tensor(args).numel()


def count_batch_norm(args: tuple[Any, ...], _: Any) -> int:
    """Return one per element for the result, and one more if the statistics come from the batch."""
    computes_statistics = any(arg is True for arg in args)
    return get_first_tensor(args).numel() * (2 if computes_statistics else 1)


def make_window_rule(dimensions: int) -> CountRule:
    """Return the rule of pooling over so many dimensions: one per output element and window position."""

    def count(args: tuple[Any, ...], out: Any) -> int:
        size = args[1]
        window: int = math.prod(size) if len(size) > 1 else size[0] ** dimensions
        return get_first_tensor(out).numel() * window

    return count


def make_interpolation_rule(neighbors: int) -> CountRule:
    """Return the rule of interpolation: one per output element and weighted neighbor."""
    return lambda _, out: neighbors * get_first_tensor(out).numel()


COUNT_RULES: Final[dict[Any, CountRule]] = {
    **dict.fromkeys(
        [aten.max_pool2d_with_indices, aten.avg_pool2d, aten.max_pool2d], make_window_rule(2)
    ),
    **dict.fromkeys(
        [aten.max_pool3d_with_indices, aten.avg_pool3d, aten.max_pool3d], make_window_rule(3)
    ),
    aten.avg_pool1d: make_window_rule(1),
    aten._adaptive_avg_pool2d: count_input,
    aten._adaptive_avg_pool3d: count_input,
    aten.adaptive_max_pool2d: count_input,
    aten.adaptive_max_pool3d: count_input,
    aten.native_batch_norm: count_batch_norm,
    aten._native_batch_norm_legit: count_batch_norm,
    aten._native_batch_norm_legit_no_training: count_batch_norm,
    aten._batch_norm_no_update: count_batch_norm,
    aten.cudnn_batch_norm: count_batch_norm,
    aten.native_layer_norm: count_input_twice,
    aten.native_group_norm: count_input_twice,
    aten._softmax: count_input_twice,
    aten._safe_softmax: count_input_twice,
    aten._log_softmax: count_input_twice,
    aten.upsample_linear1d: make_interpolation_rule(2),
    aten.upsample_trilinear3d: make_interpolation_rule(8),
    aten.upsample_bilinear2d: make_interpolation_rule(4),
    aten.upsample_bicubic2d: make_interpolation_rule(16),
}
"""Rules of operations whose count does not follow from torch's tags."""
