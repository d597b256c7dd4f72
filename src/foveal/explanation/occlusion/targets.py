"""Targets: the class of each image that a map explains."""

from __future__ import annotations

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter
from foveal.explanation.input_validation import require_class_per_image, require_known_classes

Target = str | int | Tensor
_NAMED_TARGETS = ("label", "pred", "all")


def require_target(target: Target, labels: Tensor | None, count: int) -> Target:
    """Return a valid target, with classes per image as int64 (N,); otherwise raise a `UsageError`."""
    if isinstance(target, str):
        if target not in _NAMED_TARGETS:
            raise bad_parameter("target", "`label`, `pred`, `all`, a class or classes", target)
        if target == "label" and labels is None:
            raise UsageError(
                "The target is the true label. Pass `labels`, or another target such as target='pred'."
            )
        return target
    classes = torch.as_tensor(target)
    is_single_class = classes.ndim == 0 and not classes.is_floating_point()
    return int(classes) if is_single_class else require_class_per_image("target", classes, count)


def resolve_target_classes(
    target: Target, labels: Tensor | None, unoccluded: Tensor
) -> Tensor | None:
    """Return the target class of each image, (N,); None for all classes.

    `unoccluded` (N, K) are the logits of the unoccluded images.
    """
    target = require_target(target, labels, len(unoccluded))
    if isinstance(target, str):
        return {"label": labels, "pred": unoccluded.argmax(1), "all": None}[target]
    require_known_classes("target", target, unoccluded.shape[1])
    return torch.as_tensor(target).expand(len(unoccluded))
