"""Under what a network is measured: inputs, device, precision, layout; and what must not change by it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveal.cost.copying import copied
from foveal.errors import UsageError, bad_parameter
from foveal.machine import get_processor_name

META = "meta"
Shape = Sequence[int]
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Setting:
    """Shapes of the inputs without the batch, and under what they go through a network."""

    shapes: tuple[tuple[int, ...], ...]
    batch_size: int
    device: str
    precision: str
    channels_last: bool

    def at(self, **changes: Any) -> Setting:
        """Return the same but for these fields."""
        return replace(self, **changes)

    def inputs(self, model: nn.Module) -> list[Tensor]:
        """Return inputs in the dtype of the model, from a stream of their own."""
        floating = (p.dtype for p in model.parameters() if p.is_floating_point())
        dtype = next(floating, torch.float32)
        sizes = [(self.batch_size, *shape) for shape in self.shapes]
        if self.device == META:
            return [torch.empty(size, dtype=dtype, device=META) for size in sizes]
        source = torch.Generator("cpu").manual_seed(0)
        made = (torch.randn(size, generator=source, device="cpu") for size in sizes)
        return [one.to(self.device, dtype) for one in made]

    def prepared(self, model: nn.Module) -> tuple[nn.Module, list[Tensor]]:
        """Return a copy of a model and its inputs, laid out as feature maps are to lie."""
        mine, inputs = copied(model, self.device), self.inputs(model)
        if self.channels_last:
            inputs = [laid_out(one) for one in inputs]
            for tensor in [*mine.parameters(), *mine.buffers()]:
                tensor.data = laid_out(tensor.data)
        return mine, inputs

    def cast(self) -> AbstractContextManager[object]:
        """Return the context of the precision."""
        dtype = AUTOCAST[self.precision]
        kind = "cpu" if self.device == META else torch.device(self.device).type
        return torch.autocast(kind, dtype=dtype, enabled=dtype is not None)

    @contextmanager
    def generators_kept(self) -> Iterator[None]:
        """Leave the generators of torch, numpy and Python as they were."""
        ours = random.getstate(), np.random.get_state()  # noqa: NPY002  # the one that layers may draw from
        cuda = [self.device] if torch.device(self.device).type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=cuda):
                yield
        finally:
            random.setstate(ours[0])
            np.random.set_state(ours[1])  # noqa: NPY002


def checked_setting(
    input_shape: Shape | Sequence[Shape],
    *,
    batch_size: int,
    device: str | torch.device,
    precision: str,
    channels_last: bool,
) -> Setting:
    """Return the setting with one shape an input; refuse what cannot be measured."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise bad_parameter("batch_size", "a whole number, at least 1", batch_size)
    if precision not in AUTOCAST:
        raise bad_parameter("precision", "one of " + ", ".join(map(repr, AUTOCAST)), precision)
    try:
        values: list[Any] = list(input_shape)
        several = values if any(not isinstance(side, int) for side in values) else [values]
        shapes = tuple(tuple(int(side) for side in shape) for shape in several)
    except TypeError:
        shapes = ()
    if not shapes or not all(shapes) or any(side < 1 for shape in shapes for side in shape):
        raise bad_parameter("input_shape", "a shape without the batch, as (3, 32, 32)", input_shape)
    name = checked_device(device)
    if name == META and precision != "fp32":
        raise UsageError("The meta device counts in fp32: autocast knows of real devices only.")
    return Setting(shapes, batch_size, name, precision, channels_last)


def checked_device(device: str | torch.device) -> str:
    """Return the name of a device that is there."""
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise bad_parameter("device", "`cpu`, `cuda` or `meta`", device) from error
    there = torch.cuda.device_count() if found.type == "cuda" else 1
    if (found.index or 0) >= there:
        raise bad_parameter("device", "a device of this machine", device)
    return str(found)


def laid_out(tensor: Tensor) -> Tensor:
    """Lay a tensor (N, C, H, W) out with the channels of a position together; leave others."""
    if tensor.dim() != 4 or tensor.layout != torch.strided:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)


def name_of(device: str) -> str:
    """Return the name of the hardware."""
    kind = torch.device(device).type
    return torch.cuda.get_device_name(device) if kind == "cuda" else get_processor_name()
