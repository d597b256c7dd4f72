"""Does attention look where the network needs to? Rank correlations, beside gates that know nothing."""

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

CONTROL_DRAWS = 5


@dataclass(frozen=True, eq=False)
class Agreement:
    """How two maps of the same images agree, by Spearman's rank correlation over the windows.

    `correlation` (N,) is one value an image, NaN where a map is flat. `control` (R, N) is the same with
    the gates redrawn R times and all else as it was, None where no gate takes part or the gate has
    nothing to redraw, as SimAM has not.
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
        """Mean over draws and images of the control."""
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
    """Compare the spatial attention of each site, Grad-CAM and occlusion with one another.

    Maps are compared by their means over the windows of the occlusion sweep: a finer one would be
    punished for what the others cannot show. A spatial map that looks at any bright or large thing
    agrees with the others to some degree by itself, so each agreement of a gate stands beside that of
    gates with fresh random weights in the same trained network (Adebayo et al. 2018, "Sanity Checks for
    Saliency Maps", applied to gates).

    Args:
        model: a network; without gates over positions only Grad-CAM and occlusion are compared.
        images, labels: as in `occlusion_sensitivity`. Grad-CAM is of the classes that the occlusion maps
            are about.
        result: a sweep of these images, whose maps are taken as they are; nothing is swept then, and
            `labels` are not used.
        name: the name of this model in `result`, if that is of several.
        draws: redrawn gates, R.
        seed: of those draws.
        options: of `occlusion_sensitivity`, where there is no `result`.

    Raises:
        UsageError: the target is `all`, or `result` is not of such images.
    """
    if draws < 1:
        raise bad_parameter("draws", "at least 1", draws)
    require_images(images)
    target = options.get("target") if result is None else result.target
    if isinstance(target, str) and target == "all":
        raise UsageError("Maps are compared for one class an image: take another target than all.")
    if result is None:
        result = occlusion_sensitivity(model, images, labels, **options)  # type: ignore[arg-type]
    elif options:
        raise UsageError(f"With `result` nothing is swept: leave out {', '.join(options)}.")
    if (result.image_count, *result.windows.image_size) != (len(images), *images.shape[2:]):
        should_be = f"a sweep of images of shape {tuple(images.shape)}"
        raise bad_parameter(
            "result", should_be, (result.image_count, "C", *result.windows.image_size)
        )
    occlusion = result.grid(name)
    cam = result.windows.pixels_to_grid(grad_cam(model, images, result.target_classes(name)))
    found = [Agreement("grad-cam", "occlusion", correlate_grids(cam, occlusion))]
    attention = compute_attention_grids(model, images, result.windows)
    redrawn = [
        compute_control_grids(model, images, result.windows, seed=seed + k)
        for k in range(draws if attention else 0)
    ]
    for site, grid in attention.items():
        drawn = [each[site] for each in redrawn if site in each]
        for second, other in (("occlusion", occlusion), ("grad-cam", cam)):
            control = torch.stack([correlate_grids(one, other) for one in drawn]) if drawn else None
            found.append(Agreement(site, second, correlate_grids(grid, other), control))
    return tuple(found)


def compute_attention_grids(
    model: nn.Module, images: Tensor, windows: Windows
) -> dict[str, Tensor]:
    """Return by gate the mean of its map over positions under each window, (N, Py, Px)."""
    if not has_gates(model):
        return {}
    return {
        gate.name: windows.pixels_to_grid(resize_to_image(gate, windows.image_size))
        for gate in gate_maps(model, images)
        if gate.kind != "channel"
    }


def compute_control_grids(
    model: nn.Module, images: Tensor, windows: Windows, *, seed: int
) -> dict[str, Tensor]:
    """Return the attention grids of redrawn gates, without gates that redrawing does not change."""
    fresh = copy_with_fresh_gates(model, seed=seed)
    grids = compute_attention_grids(fresh, images, windows)
    return {
        site: grid
        for site, grid in grids.items()
        if have_different_parameters(model.get_submodule(site), fresh.get_submodule(site))
    }


def have_different_parameters(first: nn.Module, second: nn.Module) -> bool:
    """Say whether any parameter differs between two modules of one structure."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


def resize_to_image(gate: GateMap, size: tuple[int, int]) -> Tensor:
    """Return a map over positions in the size of the image, (N, H, W)."""
    spatial = gate.spatial_map[:, None]
    return F.interpolate(spatial, size=size, mode="bilinear", align_corners=False)[:, 0]


def copy_with_fresh_gates(model: nn.Module, *, seed: int) -> nn.Module:
    """Return a copy of the network in which only the gates are as before any training."""
    fresh = copy.deepcopy(model)
    with fork_rng(seed, "control"):
        for gate in [module for module in fresh.modules() if isinstance(module, Gate)]:
            for module in gate.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
    return fresh


def correlate_grids(first: Tensor, second: Tensor) -> Tensor:
    """Return the rank correlation of each image's grid, (N,)."""
    return compute_rank_correlation(first.flatten(1), second.flatten(1))
