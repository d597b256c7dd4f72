"""Grad-CAM by torchcam, as maps that stand beside those of occlusion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.errors import UsageError, unknown_name
from foveal.explanation.input_validation import (
    checked_logits,
    require_class_per_image,
    require_images,
    require_known_classes,
)
from foveal.explanation.inputs import to_model
from foveal.module_modes import eval_mode
from foveal.optional_imports import STUDY, suggest_install
from foveal.variant_names import is_gate_key

IMAGES_PER_PASS = 16


def grad_cam(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int],
    *,
    layer: str | None = None,
    chunk: int = IMAGES_PER_PASS,
) -> Tensor:
    """Return the Grad-CAM of each image for its label, float32 (N, H, W) on the CPU, not normalized.

    Computed by torchcam at `layer`, by default the last convolution that is not a gate's and stands
    below no module named `attention`, and brought to the size of the image bilinearly. The model is in
    eval mode meanwhile; its gradients stay as they were.

    Args:
        model: a network from (N, C, H, W) to logits (N, K).
        images: (N, C, H, W).
        labels: the class of each map, (N,).
        layer: the name of a module whose output is (N, C, h, w).
        chunk: images a pass.

    Raises:
        UsageError: the model has no such layer, or no such classes.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", equations 1 and 2.
    """
    with suggest_install(STUDY):
        from torchcam.methods import GradCAM

    require_images(images)
    name = find_last_convolution(model) if layer is None else layer
    if name not in dict(model.named_modules()):
        raise unknown_name("layer", name, dict(model.named_modules()))
    classes = require_class_per_image("labels", labels, len(images))
    found = []
    with eval_mode(model), torch.enable_grad(), GradCAM(model, name) as extractor:
        for start in range(0, len(images), chunk):
            # The input asks for gradients, so that a network whose weights are frozen has them too.
            batch = to_model(model, images[start : start + chunk]).detach().requires_grad_()
            logits = checked_logits(model(batch), len(batch))
            require_known_classes("labels", classes, logits.shape[1])
            own = classes[start : start + chunk].tolist()
            (map_,) = extractor(own, logits, normalized=False)
            found.append(map_.detach().float().cpu())
    maps = torch.cat(found)[:, None]
    return F.interpolate(maps, size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def find_last_convolution(model: nn.Module) -> str:
    """Return the name of the last convolution that belongs to no gate, nor to other attention at a site.

    What is inserted without being a gate, as modules of timm are, is known by its name, `attention`.
    """
    gates = [name for name, module in model.named_modules() if isinstance(module, Gate)]
    names: list[str] = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
        and not is_gate_key(name)
        and not any(name.startswith(f"{gate}.") or not gate for gate in gates)
    ]
    if not names:
        raise UsageError("The model has no convolution: name a layer with layer=...")
    return names[-1]
