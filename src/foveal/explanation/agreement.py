"""Agreement of attention, Grad-CAM and occlusion maps: rank correlations, with redrawn gates as the control."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.errors import UsageError, bad_parameter
from foveal.explanation.gate_maps import GateMap, gate_maps, has_gates
from foveal.explanation.grad_cam import grad_cam
from foveal.explanation.input_validation import require_images
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.sensitivity import occlusion_sensitivity
from foveal.explanation.occlusion.windows import Windows
from foveal.explanation.rank_correlation import compute_rank_correlation
from foveal.seeding import fork_rng
from foveal.validation import require_positive_int

CONTROL_DRAWS = 5


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of two maps of the same images: Spearman's rank correlation over the windows.

    `first` and `second` name the maps: `grad-cam`, `occlusion`, or a gate. `correlation` (N,) has one value
    per image, NaN if a map is flat. `control` (R, N) has the same values for R redraws of the gates, with
    all other weights unchanged. It is None if neither map is from a gate, or if the gate has no parameters
    to redraw (SimAM).
    """

    first: str
    second: str
    correlation: Tensor
    control: Tensor | None = None

    @property
    def mean(self) -> float:
        """Mean over the images whose maps are not flat, NaN if all are."""
        return float(self.correlation.nanmean())

    @property
    def control_mean(self) -> float | None:
        """Mean of the control over redraws and images."""
        return None if self.control is None else float(self.control.nanmean())


def measure_agreement(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | None,
    *,
    result: OcclusionResult | None = None,
    name: str | None = None,
    draws: int = CONTROL_DRAWS,
    seed: int = 0,
    **options: object,
) -> tuple[Agreement, ...]:
    """Compare Grad-CAM, occlusion and the spatial attention of each gate with each other.

    Maps are compared by their means over the windows of the occlusion sweep; at a finer resolution the
    other maps would be penalized for detail that occlusion cannot show. Any map that highlights bright
    or large objects agrees with the others to some degree. So each agreement of a gate has a control: the
    same trained network with new random weights in its gates (Adebayo et al. 2018, "Sanity Checks for
    Saliency Maps", applied to gates).

    Args:
        model: a network; without spatial attention only Grad-CAM and occlusion are compared.
        images, labels: as in `occlusion_sensitivity`. Grad-CAM explains the same class as the occlusion
            map of each image.
        result: a finished sweep over these images. No new sweep is run, and `labels` are not used.
        name: the name of this model in `result`, if `result` has several models.
        draws: number of gate redraws for the control, R.
        seed: seed of the redraws.
        options: options of `occlusion_sensitivity`, if there is no `result`.

    Raises:
        UsageError: the target is `all`, or `result` is from other images.
    """
    require_positive_int("draws", draws)
    require_images(images)
    target = options.get("target") if result is None else result.target
    if isinstance(target, str) and target == "all":
        raise UsageError(
            "Maps are compared for one class per image. Use another target than `all`."
        )
    if result is None:
        result = occlusion_sensitivity(model, images, labels, **options)  # type: ignore[arg-type]
    elif options:
        raise UsageError(
            f"With `result` there is no new sweep. Remove the options {', '.join(options)}."
        )
    if (result.image_count, *result.windows.image_size) != (len(images), *images.shape[2:]):
        should_be = f"a sweep over images of shape {tuple(images.shape)}"
        found = (result.image_count, "C", *result.windows.image_size)
        raise bad_parameter("result", should_be, found)
    occlusion = result.grid(name)
    cam = result.windows.pixels_to_grid(grad_cam(model, images, result.target_classes(name)))
    agreements = [Agreement("grad-cam", "occlusion", _correlate_grids(cam, occlusion))]
    attention = _compute_attention_grids(model, images, result.windows)
    control_grids = [
        _compute_control_grids(model, images, result.windows, seed=seed + draw)
        for draw in range(draws if attention else 0)
    ]
    for gate, grid in attention.items():
        redrawn = [grids[gate] for grids in control_grids if gate in grids]
        for second, other in (("occlusion", occlusion), ("grad-cam", cam)):
            control = (
                torch.stack([_correlate_grids(drawn, other) for drawn in redrawn])
                if redrawn
                else None
            )
            agreements.append(Agreement(gate, second, _correlate_grids(grid, other), control))
    return tuple(agreements)


def _compute_attention_grids(
    model: nn.Module, images: Tensor, windows: Windows
) -> dict[str, Tensor]:
    """Return the mean of each spatial map under each window, (N, Py, Px), by gate name."""
    if not has_gates(model):
        return {}
    return {
        gate.name: windows.pixels_to_grid(resize_to_image(gate, windows.image_size))
        for gate in gate_maps(model, images)
        if gate.kind != "channel"
    }


def _compute_control_grids(
    model: nn.Module, images: Tensor, windows: Windows, *, seed: int
) -> dict[str, Tensor]:
    """Return the attention grids of redrawn gates, without gates that have no parameters to redraw."""
    redrawn_model = _copy_with_fresh_gates(model, seed=seed)
    grids = _compute_attention_grids(redrawn_model, images, windows)
    return {
        gate: grid
        for gate, grid in grids.items()
        if _has_different_parameters(model.get_submodule(gate), redrawn_model.get_submodule(gate))
    }


def _has_different_parameters(first: nn.Module, second: nn.Module) -> bool:
    """Return True if any parameter differs between two modules with the same structure."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


def resize_to_image(gate: GateMap, size: tuple[int, int]) -> Tensor:
    """Return the spatial map of a gate resized to the image, (N, H, W)."""
    spatial = gate.spatial_map[:, None]
    return F.interpolate(spatial, size=size, mode="bilinear", align_corners=False)[:, 0]


def _copy_with_fresh_gates(model: nn.Module, *, seed: int) -> nn.Module:
    """Return a copy of the network with newly initialized gates; all other weights are copied."""
    redrawn_model = copy.deepcopy(model)
    with fork_rng(seed, "control"):
        for gate in [module for module in redrawn_model.modules() if isinstance(module, Gate)]:
            for module in gate.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
    return redrawn_model


def _correlate_grids(first: Tensor, second: Tensor) -> Tensor:
    """Return the rank correlation of the grids of each image, (N,)."""
    return compute_rank_correlation(first.flatten(1), second.flatten(1))
