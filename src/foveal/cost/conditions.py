"""Measurement conditions: inputs, device, precision and memory layout, and a copy of the model to measure."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from foveal.errors import UsageError, bad_parameter
from foveal.machine import get_processor_name
from foveal.validation import require_one_of, require_positive_int

META_DEVICE: Final = "meta"
Shape = Sequence[int]
_AUTOCAST_DTYPES: Final = {"fp32": None, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Conditions:
    """Conditions under which a report was measured.

    `counted_on` is the device on which operations were counted: `meta` if the network runs there.
    """

    input_shapes: tuple[tuple[int, ...], ...]
    batch_size: int
    device: str
    device_name: str
    threads: int
    precision: str
    memory_format: str
    counted_on: str
    torch: str

    @property
    def text(self) -> str:
        """Hardware and software in one line, as a caption of measured times."""
        return (
            f"{self.device_name}, {self.threads} threads, {self.precision}, {self.memory_format}, "
            f"torch {self.torch}"
        )


@dataclass(frozen=True)
class MeasurementSetup:
    """Shapes of the inputs without the batch, and the device, precision and layout of a measurement."""

    input_shapes: tuple[tuple[int, ...], ...]
    batch_size: int
    device: str
    precision: str
    channels_last: bool

    @property
    def memory_format(self) -> str:
        """Name of the memory layout of feature maps."""
        return "channels_last" if self.channels_last else "contiguous"

    def make_inputs(self, model: nn.Module) -> list[Tensor]:
        """Return random inputs in the model's dtype, drawn from a separate generator."""
        dtypes = (p.dtype for p in model.parameters() if p.is_floating_point())
        dtype = next(dtypes, torch.float32)
        sizes = [(self.batch_size, *shape) for shape in self.input_shapes]
        if self.device == META_DEVICE:
            return [torch.empty(size, dtype=dtype, device=META_DEVICE) for size in sizes]
        generator = torch.Generator("cpu").manual_seed(0)
        return [
            torch.randn(size, generator=generator, device="cpu").to(self.device, dtype)
            for size in sizes
        ]

    def prepare(self, model: nn.Module) -> tuple[nn.Module, list[Tensor]]:
        """Return a copy of the model and its inputs, both in the memory layout of the setup."""
        model_copy, inputs = copy_model(model, self.device), self.make_inputs(model)
        if self.channels_last:
            inputs = [_to_channels_last(tensor) for tensor in inputs]
            for tensor in [*model_copy.parameters(), *model_copy.buffers()]:
                tensor.data = _to_channels_last(tensor.data)
        return model_copy, inputs

    def autocast(self) -> AbstractContextManager[object]:
        """Return the autocast context of the precision."""
        dtype = _AUTOCAST_DTYPES[self.precision]
        device_type = "cpu" if self.device == META_DEVICE else torch.device(self.device).type
        return torch.autocast(device_type, dtype=dtype, enabled=dtype is not None)

    @contextmanager
    def preserve_rng(self) -> Iterator[None]:
        """Restore the random states of torch, numpy and Python after the block."""
        # Layers may draw from numpy's legacy global generator.
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        cuda = [self.device] if torch.device(self.device).type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=cuda):
                yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


def make_setup(
    input_shape: Shape | Sequence[Shape],
    *,
    batch_size: int,
    device: str | torch.device,
    precision: str,
    channels_last: bool,
) -> MeasurementSetup:
    """Return the setup with one shape per input.

    Raises:
        UsageError: a parameter is wrong, or the device is missing.
    """
    require_positive_int("batch_size", batch_size)
    require_one_of("precision", precision, _AUTOCAST_DTYPES)
    try:
        values: list[Any] = list(input_shape)
        several = values if any(not isinstance(side, int) for side in values) else [values]
        shapes = tuple(tuple(int(side) for side in shape) for shape in several)
    except TypeError:
        shapes = ()
    if not shapes or not all(shapes) or any(side < 1 for shape in shapes for side in shape):
        raise bad_parameter("input_shape", "a shape without the batch, as (3, 32, 32)", input_shape)
    device_name = _require_device(device)
    if device_name == META_DEVICE and precision != "fp32":
        raise UsageError(
            f"Autocast does not support the meta device. Found `precision = {precision!r}`. Use `fp32`."
        )
    return MeasurementSetup(shapes, batch_size, device_name, precision, channels_last)


def _require_device(device: str | torch.device) -> str:
    """Return the name of the device; raise a `UsageError` if this machine does not have it."""
    try:
        parsed = torch.device(device)
    except RuntimeError as error:
        raise bad_parameter("device", "`cpu`, `cuda` or `meta`", device) from error
    device_count = torch.cuda.device_count() if parsed.type == "cuda" else 1
    if (parsed.index or 0) >= device_count:
        raise bad_parameter("device", "a device of this machine", device)
    return str(parsed)


def get_device_name(device: str) -> str:
    """Return the model name of the GPU or of the processor."""
    is_cuda = torch.device(device).type == "cuda"
    return torch.cuda.get_device_name(device) if is_cuda else get_processor_name()


def _to_channels_last(tensor: Tensor) -> Tensor:
    """Return a tensor (N, C, H, W) in channels_last layout; return any other tensor unchanged."""
    if tensor.dim() != 4 or tensor.layout != torch.strided:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)


def copy_model(model: nn.Module, device: str | torch.device) -> nn.Module:
    """Return a copy of the model with its parameters and buffers on `device`.

    On the meta device they have shapes and no values, and nothing is copied. Tensors that the model shares
    are shared in the copy too. Gradients are not copied.

    Raises:
        UsageError: the model cannot be copied, or it is on the meta device and `device` is not.
    """
    memo: dict[int, object] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                # A stored result of an earlier call: deepcopy refuses tensors with a graph.
                memo[id(value)] = _copy_tensor(value, device)
    for parameter in model.parameters():
        copied = _copy_tensor(parameter, device)
        memo[id(parameter)] = nn.Parameter(copied, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = _copy_tensor(buffer, device)
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise UsageError(
            f"The model cannot be copied ({error}). Costs are measured on a copy so that the model stays "
            "unchanged."
        ) from error


def _copy_tensor(tensor: Tensor, device: str | torch.device) -> Tensor:
    """Return a copy of a tensor on a device, without its graph."""
    if torch.device(device).type == META_DEVICE:
        return torch.empty_like(tensor, device=META_DEVICE, requires_grad=False)
    if tensor.is_meta:
        raise UsageError(
            "The model is on the meta device and has no values. "
            'Count its operations there with `device="meta"`.'
        )
    return tensor.detach().to(device, copy=True)
