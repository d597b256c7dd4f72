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

_CountRule = Callable[[tuple[Any, ...], Any], int]

_aten = torch.ops.aten
# Tagged as pointwise by torch although they only move values.
_DATA_MOVEMENTS: Final = {
    _aten.clone, _aten.copy_, _aten._to_copy, _aten.fill_, _aten.fill, _aten.zero_,
}  # fmt: skip
# Views that torch does not mark as such.
_VIEW_OPERATORS: Final = {
    _aten._unsafe_view, _aten._reshape_alias, _aten.lift_fresh, _aten.as_strided_, _aten.unsafe_split,
}  # fmt: skip
_ALLOCATION_OPERATORS: Final = {
    _aten.empty, _aten.empty_like, _aten.empty_strided, _aten.new_empty, _aten.empty_permuted,
    _aten.zeros, _aten.zeros_like, _aten.ones, _aten.scalar_tensor,
}  # fmt: skip
# Pointwise operations that torch does not tag as such.
_POINTWISE_OPERATORS: Final = {
    _aten.hardswish, _aten.hardswish_, _aten._prelu_kernel, _aten.log_sigmoid_forward,
    _aten.rrelu_with_noise,
}  # fmt: skip
# Products with vectors, which have no formula in flop_counter.
_VECTOR_PRODUCT_OPERATORS: Final = {_aten.mv, _aten.dot, _aten.vdot}


@dataclass
class OperationTally:
    """Operations of one frame: MACs, elements by operation, and calls of uncounted operations."""

    macs: int = 0
    elements: Counter[str] = field(default_factory=Counter)
    uncounted: Counter[str] = field(default_factory=Counter)


class _OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
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
        macs = _count_macs(func, args, kwargs, out)
        if macs is not None:
            tally.macs += macs
            return out
        name = func._overloadpacket.__name__.strip("_")
        elements = _count_elements(func, args, out)
        if elements is None:
            tally.uncounted[name] += 1
        elif elements:
            tally.elements[name] += elements
        return out


@contextmanager
def record_operations(frames: FrameTracker) -> Iterator[_OperationCounter]:
    """Yield a counter of the operations in this block.

    Scaled dot-product attention runs as matrix products, so that they are counted as such.
    """
    with sdpa_kernel(SDPBackend.MATH), _OperationCounter(frames) as counter:
        yield counter


def _count_macs(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the MACs of an operation, or None if torch has no formula for it."""
    if func._overloadpacket in _VECTOR_PRODUCT_OPERATORS:
        return _get_first_tensor(args).numel()
    formula = flop_registry.get(func._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=out)) // 2


def _count_elements(func: Any, args: tuple[Any, ...], out: Any) -> int | None:
    """Return the elements that an operation works on, or None if there is no rule for it."""
    packet = func._overloadpacket
    if func.is_view or packet in _VIEW_OPERATORS or packet in _ALLOCATION_OPERATORS:
        return 0
    if packet in _DATA_MOVEMENTS:
        return None
    if packet in _COUNT_RULES:
        return _COUNT_RULES[packet](args, out)
    if packet in _POINTWISE_OPERATORS or torch.Tag.pointwise in func.tags:
        return _get_first_tensor(out).numel()
    if torch.Tag.reduction in func.tags:
        return _get_first_tensor(args).numel()
    return None


def _get_first_tensor(values: Any) -> Tensor:
    """Return the first tensor among the inputs or outputs of an operation."""
    tensors = [values] if isinstance(values, Tensor) else values
    return next(tensor for tensor in tensors if isinstance(tensor, Tensor))


def _count_input(args: tuple[Any, ...], _: Any) -> int:
    """Return one per element of the input."""
    return _get_first_tensor(args).numel()


def _count_input_twice(args: tuple[Any, ...], _: Any) -> int:
    """Return two per element of the input: the statistics and the result."""
    return 2 * _get_first_tensor(args).numel()


def _count_batch_norm(args: tuple[Any, ...], _: Any) -> int:
    """Return one per element for the result, and one more if the statistics come from the batch."""
    computes_statistics = any(arg is True for arg in args)
    return _get_first_tensor(args).numel() * (2 if computes_statistics else 1)


def _make_window_rule(dimensions: int) -> _CountRule:
    """Return the rule of pooling over so many dimensions: one per output element and window position."""

    def count(args: tuple[Any, ...], out: Any) -> int:
        size = args[1]
        window: int = math.prod(size) if len(size) > 1 else size[0] ** dimensions
        return _get_first_tensor(out).numel() * window

    return count


def _make_interpolation_rule(neighbors: int) -> _CountRule:
    """Return the rule of interpolation: one per output element and weighted neighbor."""
    return lambda _, out: neighbors * _get_first_tensor(out).numel()


_COUNT_RULES: Final[dict[Any, _CountRule]] = {
    **dict.fromkeys(
        [_aten.max_pool2d_with_indices, _aten.avg_pool2d, _aten.max_pool2d], _make_window_rule(2)
    ),
    **dict.fromkeys(
        [_aten.max_pool3d_with_indices, _aten.avg_pool3d, _aten.max_pool3d], _make_window_rule(3)
    ),
    _aten.avg_pool1d: _make_window_rule(1),
    _aten._adaptive_avg_pool2d: _count_input,
    _aten._adaptive_avg_pool3d: _count_input,
    _aten.adaptive_max_pool2d: _count_input,
    _aten.adaptive_max_pool3d: _count_input,
    _aten.native_batch_norm: _count_batch_norm,
    _aten._native_batch_norm_legit: _count_batch_norm,
    _aten._native_batch_norm_legit_no_training: _count_batch_norm,
    _aten._batch_norm_no_update: _count_batch_norm,
    _aten.cudnn_batch_norm: _count_batch_norm,
    _aten.native_layer_norm: _count_input_twice,
    _aten.native_group_norm: _count_input_twice,
    _aten._softmax: _count_input_twice,
    _aten._safe_softmax: _count_input_twice,
    _aten._log_softmax: _count_input_twice,
    _aten.upsample_linear1d: _make_interpolation_rule(2),
    _aten.upsample_trilinear3d: _make_interpolation_rule(8),
    _aten.upsample_bilinear2d: _make_interpolation_rule(4),
    _aten.upsample_bicubic2d: _make_interpolation_rule(16),
}
"""Rules of operations whose count does not follow from torch's tags."""
