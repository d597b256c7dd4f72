"""Images as a model takes them."""

from __future__ import annotations

from torch import Tensor, nn


def to_model(model: nn.Module, images: Tensor) -> Tensor:
    """Return images on the device and of the dtype of the model's first parameter of floats.

    A model without one is given them as they are.

    >>> import torch
    >>> to_model(nn.Linear(1, 1).bfloat16(), torch.rand(1, 1)).dtype
    torch.bfloat16
    """
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    return images if first is None else images.to(first.device, first.dtype)
