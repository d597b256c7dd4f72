"""Grad-CAM maps at image resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.attention.inserted import is_inserted_gate
from foveal.errors import UsageError, unknown_name
from foveal.explanation.input_validation import (
    move_to_model,
    require_class_per_image,
    require_images,
    require_known_classes,
)
from foveal.module_modes import eval_mode
from foveal.validation import require_logits

_CHUNK_IMAGES = 16  # images per pass


def grad_cam(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int],
    *,
    layer: str | None = None,
    chunk: int = _CHUNK_IMAGES,
) -> Tensor:
    """Return the Grad-CAM map of each image for its label, float32 (N, H, W) on the CPU, not normalized.

    Maps are computed at `layer` and resized to the image bilinearly. The default layer is the
    last convolution that is not part of a gate or of another inserted attention module. The model is in
    eval mode during the call; its gradients do not change.

    Args:
        model: a network from (N, C, H, W) to logits (N, K).
        images: (N, C, H, W).
        labels: the class that each map explains, (N,).
        layer: the name of a module with output (N, C, h, w).
        chunk: number of images per pass.

    Raises:
        UsageError: the model lacks the layer or a class, or the logits do not depend on the layer.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", equations 1 and 2.
    """
    require_images(images)
    layer_name = find_last_convolution(model) if layer is None else layer
    if layer_name not in dict(model.named_modules()):
        raise unknown_name("layer", layer_name, dict(model.named_modules()))
    classes = require_class_per_image("labels", labels, len(images))
    outputs: list[Tensor] = []
    hook = model.get_submodule(layer_name).register_forward_hook(
        lambda _module, _args, output: outputs.append(output)
    )
    maps = []
    with eval_mode(model), torch.enable_grad(), hook:
        for start in range(0, len(images), chunk):
            # The input requires gradients, so that activations have gradients if all weights are frozen.
            batch = move_to_model(model, images[start : start + chunk]).detach().requires_grad_()
            logits = require_logits(model(batch), len(batch))
            require_known_classes("labels", classes, logits.shape[1])
            scores = logits.gather(1, classes[start : start + chunk, None].to(logits.device))
            gradients = None
            if outputs and outputs[-1].requires_grad:
                (gradients,) = torch.autograd.grad(scores.sum(), outputs[-1], allow_unused=True)
            if gradients is None:
                raise UsageError(f"The logits do not depend on the layer {layer_name!r}.")
            maps.append(_compute_layer_maps(outputs[-1].detach(), gradients).float().cpu())
            outputs.clear()
    layer_maps = torch.cat(maps)[:, None]
    resized = F.interpolate(layer_maps, size=images.shape[2:], mode="bilinear", align_corners=False)
    return resized[:, 0]


def _compute_layer_maps(activations: Tensor, gradients: Tensor) -> Tensor:
    """Return the Grad-CAM maps (N, h, w) for activations and gradients (N, C, h, w)."""
    weights = gradients.flatten(2).mean(-1)[..., None, None]
    return torch.nansum(weights * activations, dim=1).relu()


def find_last_convolution(model: nn.Module) -> str:
    """Return the name of the last 2D convolution outside of gates and of all inserted attention modules."""
    gates = [
        name
        for name, module in model.named_modules()
        if isinstance(module, Gate) or is_inserted_gate(module)
    ]
    names: list[str] = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
        and not any(name.startswith(f"{gate}.") or not gate for gate in gates)
    ]
    if not names:
        raise UsageError("The model has no 2D convolution. Name a layer with layer=...")
    return names[-1]
