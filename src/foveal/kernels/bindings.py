"""The C functions of the kernel library and their argument types.

Each kernel exists once per dtype, such as `scale_float32`. Kernels for the small layers of a gate exist for
float32 and float64 only, the dtypes of sums and weights.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CDLL, c_double, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor

from foveal.kernels.build import load_library

DTYPE_NAMES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16"}

SIZE, FLAG, NUMBER, POINTER = c_int64, c_int, c_double, c_void_p
_MAP_SIZE_ARGTYPES = (SIZE,) * 3  # images, rows, columns
_CHANNELS_LAST_SIZE_ARGTYPES = (SIZE,) * 2  # positions of all images, channels
_WINDOW_SIZE_ARGTYPES = (SIZE,) * 4  # images, height, width, channels
_CONV_SIZE_ARGTYPES = (SIZE,) * 7  # images, inputs, outputs, height, width, kernel, dilation
_MLP_SIZE_ARGTYPES = (SIZE,) * 4  # pools, images, channels, hidden width


def _pointers(count: int) -> tuple[type[c_void_p], ...]:
    """Return the types of `count` tensors or missing tensors in a row."""
    return (POINTER,) * count


# Argument types after the number of threads; nothing is returned. Names as in csrc/.
SIGNATURES: dict[str, tuple[type, ...]] = {
    "pool_rows": (*_MAP_SIZE_ARGTYPES, *_pointers(6)),
    "pool_columns": (*_MAP_SIZE_ARGTYPES, *_pointers(6)),
    "scale": (*_MAP_SIZE_ARGTYPES, *_pointers(3), FLAG, POINTER),
    "dot_rows": (*_MAP_SIZE_ARGTYPES, *_pointers(7)),
    "dot_columns": (*_MAP_SIZE_ARGTYPES, *_pointers(7)),
    "weighting_backward": (*_MAP_SIZE_ARGTYPES, *_pointers(5), FLAG, *_pointers(5)),
    "project_rows": (*_MAP_SIZE_ARGTYPES, POINTER, SIZE, POINTER, FLAG, POINTER),
    "project_columns": (*_MAP_SIZE_ARGTYPES, POINTER, SIZE, POINTER, FLAG, POINTER),
    "bam_forward": (*_MAP_SIZE_ARGTYPES, *_pointers(3), FLAG, POINTER),
    "bam_logit_grads": (*_MAP_SIZE_ARGTYPES, *_pointers(4), FLAG, *_pointers(2)),
    "bam_input_grad": (
        *_MAP_SIZE_ARGTYPES, *_pointers(3), FLAG, *_pointers(2), SIZE, POINTER, FLAG, POINTER, FLAG, POINTER,
    ),
    "cbam_pools": (*_MAP_SIZE_ARGTYPES, *_pointers(4), SIZE, SIZE, *_pointers(12)),
    "cbam_channel_backward": (*_MAP_SIZE_ARGTYPES, *_pointers(9), SIZE, SIZE, *_pointers(17)),
    "normalize_relu": (*_CHANNELS_LAST_SIZE_ARGTYPES, *_pointers(5)),
    "batch_norm_relu_forward": (*_CHANNELS_LAST_SIZE_ARGTYPES, *_pointers(4), NUMBER, NUMBER, *_pointers(6)),
    "batch_norm_relu_backward": (*_CHANNELS_LAST_SIZE_ARGTYPES, *_pointers(10)),
    "max_pool_forward": (*_WINDOW_SIZE_ARGTYPES, *_pointers(3)),
    "max_pool_backward": (*_WINDOW_SIZE_ARGTYPES, *_pointers(3)),
    "pad": (*(SIZE,) * 7, *_pointers(2)),
    "convolve": (*_CONV_SIZE_ARGTYPES, *_pointers(3), SIZE, SIZE, POINTER),
    "conv_weight_grad": (*_CONV_SIZE_ARGTYPES, *_pointers(3)),
    "small_batch_norm_forward": (*(SIZE,) * 3, *_pointers(3), NUMBER, NUMBER, *_pointers(6)),
    "small_batch_norm_backward": (*(SIZE,) * 3, *_pointers(9)),
    "channel_mlp_forward": (*_MLP_SIZE_ARGTYPES, *_pointers(9)),
    "channel_mlp_backward": (*_MLP_SIZE_ARGTYPES, *_pointers(13)),
}  # fmt: skip

Argument = Tensor | float | None


def call_kernel(name: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Call a kernel with tensors, numbers and flags; None stands for a missing tensor.

    The kernel sees addresses: the caller must keep the tensors alive and must pass only tensors of the layout
    and dtype that the kernel expects.
    """
    assert len(arguments) == len(SIGNATURES[name])
    values = (value.data_ptr() if isinstance(value, Tensor) else value for value in arguments)
    find_kernel(name, dtype)(torch.get_num_threads(), *values)


@cache
def find_kernel(name: str, dtype: torch.dtype) -> Callable[..., Any]:
    """Return a C function of the library with its argument types declared."""
    library = load_library()
    assert isinstance(library, CDLL)
    function = getattr(library, f"{name}_{DTYPE_NAMES[dtype]}")
    function.argtypes = (c_int, *SIGNATURES[name])
    function.restype = None
    return function  # type: ignore[no-any-return]
