"""Mean of a network's weights over the last part of its training (Izmailov et al. 2018, "Averaging Weights").

The mean is over the steps of the last fifth of the training, of parameters and of the running statistics of
batch norms alike; the paper computes these statistics anew from the training images. The training itself is
not changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

AVERAGED_SHARE: Final = 0.2
"""Last share of the steps of a training whose weights are averaged."""


class WeightAverage:
    """Running mean of the floating-point weights of a network.

    Args:
        model: the network, whose weights are read at each update.
        steps: number of steps of the training.
    """

    def __init__(self, model: nn.Module, steps: int) -> None:
        self._model = model
        self._first_step = steps - max(1, round(AVERAGED_SHARE * steps))
        self._count = 0
        self._means: list[Tensor] = []

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after `step` steps, if this step is in the last part of the training."""
        if step <= self._first_step:
            return
        weights = list(_list_weights(self._model).values())
        self._count += 1
        if self._count == 1:
            self._means = [weight.detach().clone() for weight in weights]
        else:
            torch._foreach_lerp_(self._means, weights, 1 / self._count)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network its mean weights within the context, and the trained ones back after it."""
        weights = list(_list_weights(self._model).values())
        trained = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            torch._foreach_copy_(weights, self._means)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(weights, trained)

    def state_dict(self) -> dict[str, object]:
        """Return the state, for a checkpoint."""
        names = _list_weights(self._model) if self._means else {}
        return {"count": self._count, "means": dict(zip(names, self._means, strict=True))}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Load the state of a checkpoint."""
        means: dict[str, Tensor] = state["means"]  # type: ignore[assignment]
        self._count = int(state["count"])  # type: ignore[call-overload]
        weights = _list_weights(self._model)
        self._means = [means[name].to(weights[name], copy=True) for name in weights if means]


def _list_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the floating-point parameters and buffers of a network by name."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor for name, tensor in named if tensor.is_floating_point()}
