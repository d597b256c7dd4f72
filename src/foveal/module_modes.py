"""The modes of modules: lent for evaluation and given back, or held still while the rest trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put the model into eval mode, and every module back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def freeze_batch_norm_statistics(model: nn.Module) -> None:
    """Put batch norms whose own parameters are all frozen into eval mode, until `model.train()`.

    In training mode they would follow the data, and a frozen backbone would not be what it was. Only
    the norm's own mode is set: a gate may stand below it, and that is to learn.
    """
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = list(module.parameters(recurse=False))
            if own and not any(parameter.requires_grad for parameter in own):
                module.training = False
