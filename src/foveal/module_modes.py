"""Train and eval modes of modules: temporary eval mode, frozen batch norms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Set the model to eval mode inside the block, and restore the mode of every module afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def freeze_batch_norm_statistics(model: nn.Module) -> None:
    """Set batch norms whose parameters are all frozen to eval mode, until the next `model.train()`.

    In training mode they would update their running statistics, and the frozen backbone would change.
    The mode of their children does not change, because an inserted gate is one and still trains.
    """
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            parameters = list(module.parameters(recurse=False))
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.training = False
