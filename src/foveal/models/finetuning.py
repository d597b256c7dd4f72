"""Parameter groups for fine-tuning: backbone, classifier head and gates, each trained or frozen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from foveal.attention.inserted import find_gates, is_inserted_gate
from foveal.errors import UsageError
from foveal.models.tracing import iterate_modules


def find_head(model: nn.Module) -> nn.Module:
    """Return the module that computes the logits: the last linear layer or 2d convolution outside gates.

    Last means last in the order of `named_modules`.

    Raises:
        UsageError: the model has neither.

    >>> from foveal.models import ConvNet
    >>> find_head(ConvNet())
    Linear(in_features=1024, out_features=10, bias=True)
    """
    layers = [
        module
        for _, module, _ in iterate_modules(model)
        if isinstance(module, nn.Linear | nn.Conv2d) and not is_inserted_gate(module)
    ]
    if not layers:
        raise UsageError(
            f"{type(model).__name__} has no head. A head is a linear layer or a 2d convolution."
        )
    return layers[-1]


def build_parameter_groups(
    model: nn.Module, *, lr: float, gate_lr: float | None = None, freeze_backbone: bool = False
) -> list[dict[str, Any]]:
    """Return optimizer groups: the backbone with its head, then the gates.

    With neither `gate_lr` nor `freeze_backbone` there is one group of all parameters in the order of the
    model. `freeze_backbone` sets `requires_grad` to false for all parameters except those of the head
    and the gates, and the first group is the head. Groups without parameters are left out.
    """
    gates = collect_parameters(find_gates(model).values())
    if freeze_backbone:
        first = exclude_parameters(collect_parameters([find_head(model)]), gates)
        freeze_parameters(exclude_parameters(model.parameters(), [*first, *gates]))
    elif gate_lr is None:
        first, gates = list(model.parameters()), []
    else:
        first = exclude_parameters(model.parameters(), gates)
    groups = [_build_group(first, lr), _build_group(gates, lr if gate_lr is None else gate_lr)]
    return [group for group in groups if group["params"]]


def _build_group(parameters: Iterable[nn.Parameter], lr: float) -> dict[str, Any]:
    """Return an optimizer group of the parameters that require gradients."""
    return {"params": [p for p in parameters if p.requires_grad], "lr": lr}


def collect_parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return the parameters of several modules, in order."""
    return [parameter for module in modules for parameter in module.parameters()]


def exclude_parameters(
    parameters: Iterable[nn.Parameter], excluded: Iterable[nn.Parameter]
) -> list[nn.Parameter]:
    """Return the parameters that are not among `excluded`."""
    excluded_ids = {id(parameter) for parameter in excluded}
    return [parameter for parameter in parameters if id(parameter) not in excluded_ids]


def freeze_parameters(parameters: Iterable[nn.Parameter]) -> None:
    """Set `requires_grad` to false for all parameters."""
    for parameter in parameters:
        parameter.requires_grad_(False)
