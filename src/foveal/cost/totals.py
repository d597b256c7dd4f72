"""What a whole network costs, in the sums that people know and in those they need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from foveal.cost.conditions import Setting
from foveal.cost.layers import Layer

FLOAT = 4  # bytes of a float32, in which the old convention counts every output


@dataclass(frozen=True)
class Totals:
    """Sums over a network for one batch; bytes, and numbers of operations.

    `outputs` is the size of the output of every layer and function, in float32; the convention of
    torchsummary and torchinfo takes it twice, once for the gradient, though autograd keeps less and more
    than that. `kept` is what autograd keeps. `elements` and `uncounted` are by operation.
    """

    parameters: int
    trainable: int
    parameter_bytes: int
    input_bytes: int
    outputs: int
    kept: int
    macs: int
    elements: dict[str, int]
    uncounted: dict[str, int]

    @property
    def element_operations(self) -> int:
        """Elements worked on, by all operations."""
        return sum(self.elements.values())

    @property
    def forward_backward(self) -> int:
        """Every layer's output, twice, in bytes."""
        return 2 * self.outputs

    @property
    def estimated(self) -> int:
        """Input, every layer's output twice, and parameters, in bytes."""
        return self.input_bytes + self.forward_backward + self.parameter_bytes


def totals_of(model: nn.Module, layers: Sequence[Layer], setting: Setting) -> Totals:
    """Add up."""
    parameters = list(model.parameters())
    elements: Counter[str] = Counter()
    uncounted: Counter[str] = Counter()
    for layer in layers:
        elements.update(layer.elements)
        uncounted.update(layer.uncounted)
    numbers = setting.batch_size * sum(math.prod(shape) for shape in setting.shapes)
    return Totals(
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
        input_bytes=FLOAT * numbers,
        outputs=FLOAT * sum(layer.numbers for layer in layers if layer.is_layer),
        kept=sum(layer.kept for layer in layers),
        macs=sum(layer.macs for layer in layers),
        elements=dict(elements),
        uncounted=dict(uncounted),
    )
