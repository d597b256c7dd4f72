"""Which class of each image a map is about."""

from __future__ import annotations

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter
from foveal.explanation.input_validation import require_class_per_image, require_known_classes

Target = str | int | Tensor
NAMED_TARGETS = ("label", "pred", "all")


def require_target(target: Target, labels: Tensor | None, count: int) -> Target:
    """Return the target, a tensor of classes as int64 (N,)."""
    if isinstance(target, str):
        if target not in NAMED_TARGETS:
            raise bad_parameter("target", "`label`, `pred`, `all`, a class or classes", target)
        if target == "label" and labels is None:
            raise UsageError(
                "The target is the true label: give `labels`, or another target such as target='pred'."
            )
        return target
    given = torch.as_tensor(target)
    single = given.ndim == 0 and not given.is_floating_point()
    return int(given) if single else require_class_per_image("target", given, count)


def resolve_target_classes(target: Target, labels: Tensor | None, plain: Tensor) -> Tensor | None:
    """Return the class of each image that a target means, (N,); None for all.

    `plain` (N, K) are the logits of the images as they are.
    """
    target = require_target(target, labels, len(plain))
    if isinstance(target, str):
        return {"label": labels, "pred": plain.argmax(1), "all": None}[target]
    require_known_classes("target", target, plain.shape[1])
    return torch.as_tensor(target).expand(len(plain))
