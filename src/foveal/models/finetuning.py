"""Which parameters are trained and how fast: those of the backbone, of its head, of the gates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from foveal.attention.inserted import gates_of, is_gate
from foveal.errors import UsageError
from foveal.models.tracing import backbone


def head_of(model: nn.Module) -> nn.Module:
    """Return the module that makes the logits: the last linear layer or 2d convolution, gates aside.

    Last is meant in the order in which the model holds its modules.

    Raises:
        UsageError: the model has neither.

    >>> from foveal.models import ConvNet
    >>> head_of(ConvNet())
    Linear(in_features=1024, out_features=10, bias=True)
    """
    layers = [
        module
        for _, module, _ in backbone(model)
        if isinstance(module, nn.Linear | nn.Conv2d) and not is_gate(module)
    ]
    if not layers:
        raise UsageError(
            f"{type(model).__name__} has no head: no linear layer and no 2d convolution."
        )
    return layers[-1]


def trainable_groups(
    model: nn.Module, *, lr: float, gate_lr: float | None = None, freeze_backbone: bool = False
) -> list[dict[str, Any]]:
    """Return groups for an optimizer: the backbone with its head, then the gates.

    Without a rate of the gates' own and with nothing frozen there is one group, all parameters in the
    order of the model. With `freeze_backbone` all but the head and the gates stop asking for
    gradients, and the first group is the head alone. Groups without parameters are left out.
    """
    gates = parameters_of(gates_of(model).values())
    if freeze_backbone:
        first = without(parameters_of([head_of(model)]), gates)
        freeze(without(model.parameters(), [*first, *gates]))
    elif gate_lr is None:
        first, gates = list(model.parameters()), []
    else:
        first = without(model.parameters(), gates)
    groups = [asking(first, lr), asking(gates, lr if gate_lr is None else gate_lr)]
    return [group for group in groups if group["params"]]


def asking(parameters: Iterable[nn.Parameter], lr: float) -> dict[str, Any]:
    """Return a group of the parameters that ask for gradients."""
    return {"params": [p for p in parameters if p.requires_grad], "lr": lr}


def parameters_of(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return the parameters of several modules, in their order."""
    return [parameter for module in modules for parameter in module.parameters()]


def without(
    parameters: Iterable[nn.Parameter], others: Iterable[nn.Parameter]
) -> list[nn.Parameter]:
    """Return the parameters that are not among `others`."""
    left_out = {id(parameter) for parameter in others}
    return [parameter for parameter in parameters if id(parameter) not in left_out]


def freeze(parameters: Iterable[nn.Parameter]) -> None:
    """Let parameters ask for no gradients."""
    for parameter in parameters:
        parameter.requires_grad_(False)
