"""Agreement of attention, Grad-CAM and occlusion maps: rank correlations, compared with redrawn gates."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.gate import Gate
from foveal.errors import UsageError, bad_parameter
from foveal.explanation.gate_maps import GateMap, get_map_kind, has_gates
from foveal.explanation.gate_observation import observe_gates
from foveal.explanation.grad_cam import grad_cam
from foveal.explanation.input_validation import move_to_model, require_images
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.sensitivity import occlusion_sensitivity
from foveal.explanation.occlusion.windows import Windows
from foveal.explanation.rank_correlation import (
    CenteredRanks,
    compute_centered_ranks,
    correlate_centered_ranks,
)
from foveal.module_modes import eval_mode
from foveal.seeding import fork_rng
from foveal.validation import require_positive_int

_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of two maps of the same images: Spearman's rank correlation over the windows.

    `first` and `second` name the maps: `grad-cam`, `occlusion`, or a gate. `correlation` (N,) has one value
    per image, NaN if a map is flat. For a gate, two more correlations with the second map are given:

    * `redrawn` (R, N): of R gates with new random weights, for the same features. None if the gate has no
      parameters to redraw (SimAM).
    * `activation` (N,): of the mean absolute value of the features at the site, which no gate has weighted.
    """

    first: str
    second: str
    correlation: Tensor
    redrawn: Tensor | None = None
    activation: Tensor | None = None

    @property
    def mean(self) -> float:
        """Mean over the images whose maps are not flat, NaN if all are."""
        return float(self.correlation.nanmean())

    @property
    def activation_mean(self) -> float | None:
        """Mean over images of the agreement of the activations, None without a gate."""
        return None if self.activation is None else float(self.activation.nanmean())

    @property
    def draws(self) -> int:
        """Number of redrawn gates, R."""
        return 0 if self.redrawn is None else len(self.redrawn)

    @property
    def rank(self) -> int | None:
        """Rank of the gate among the R redrawn ones and itself, by their means over images.

        Rank 1 is the highest agreement, which a gate that learned nothing has in one of R + 1 cases. Equal
        means count as higher. None without redrawn gates or without a mean.
        """
        if self.redrawn is None or math.isnan(self.mean):
            return None
        return 1 + int((self.redrawn.nanmean(1) >= self.mean).sum())


def measure_agreement(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | None,
    *,
    result: OcclusionResult | None = None,
    name: str | None = None,
    draws: int = _DRAWS,
    seed: int = 0,
    **options: object,
) -> tuple[Agreement, ...]:
    """Compare Grad-CAM, occlusion and the spatial attention of each gate with each other.

    Maps are compared by their means over the windows of the occlusion sweep; at a finer resolution the
    other maps would be penalized for detail that occlusion cannot show. Any map that highlights bright
    or large objects agrees with the others to some degree. So each agreement of a gate is compared with those
    of gates with new random weights at the same site of the trained network (Adebayo et al. 2018, "Sanity
    Checks for Saliency Maps", applied to gates). Their filters have either sign, so the mean over redraws is
    about 0 by construction, and only the rank among them says something. The mean absolute value of the
    features, without a gate, is a second comparison.

    Args:
        model: a network; without spatial attention only Grad-CAM and occlusion are compared.
        images, labels: as in `occlusion_sensitivity`. Grad-CAM explains the same class as the occlusion
            map of each image.
        result: a finished sweep over these images. No new sweep is run, and `labels` are not used.
        name: the name of this model in `result`, if `result` has several models.
        draws: number of redraws of each gate, R.
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
    cam = grad_cam(model, images, result.target_classes(name))
    occlusion_ranks = _rank_windows(result.grid(name))
    cam_ranks = _rank_windows(result.windows.pixels_to_grid(cam))
    others = (("occlusion", occlusion_ranks), ("grad-cam", cam_ranks))
    agreements = [
        Agreement("grad-cam", "occlusion", correlate_centered_ranks(cam_ranks, occlusion_ranks))
    ]
    for gate, site in _rank_sites(model, images, result.windows, draws, seed).items():
        for second, other in others:
            agreements.append(
                Agreement(
                    gate,
                    second,
                    correlate_centered_ranks(site.attention, other),
                    None if site.redrawn is None else correlate_centered_ranks(site.redrawn, other),
                    correlate_centered_ranks(site.activation, other),
                )
            )
    return tuple(agreements)


@dataclass(frozen=True, eq=False)
class _SiteRanks:
    """Ranks of the windows by their means, (N, P): of a gate's map, of the absolute features.

    `redrawn` (R, N, P) is of R redrawn gates' maps, None without any.
    """

    attention: CenteredRanks
    redrawn: CenteredRanks | None
    activation: CenteredRanks


@torch.no_grad()
def _rank_sites(
    model: nn.Module, images: Tensor, windows: Windows, draws: int, seed: int
) -> dict[str, _SiteRanks]:
    """Return the ranks of every gate with a spatial map, by its name, from one forward pass."""
    ranks: dict[str, _SiteRanks] = {}
    if not has_gates(model):
        return ranks

    def to_grid(maps: Tensor) -> Tensor:
        return windows.pixels_to_grid(_resize_map(maps.float().cpu(), windows.image_size))

    def record(name: str, features: Tensor, values: Tensor) -> None:
        if get_map_kind(values) == "channel":
            return
        gate = model.get_submodule(name)
        redrawn_gate = cast("Gate", copy.deepcopy(gate))
        redrawn = []
        for draw in range(draws):
            _redraw_parameters(redrawn_gate, seed + draw, name)
            # Without parameters, or with filters that are never drawn, there is nothing to compare with.
            if _has_different_parameters(gate, redrawn_gate):
                redrawn.append(to_grid(redrawn_gate.attention_map(features).mean(1)))
        ranks[name] = _SiteRanks(
            _rank_windows(to_grid(values.mean(1))),
            _rank_windows(torch.stack(redrawn)) if redrawn else None,
            _rank_windows(to_grid(features.abs().mean(1))),
        )

    with eval_mode(model), kernels.use("plain"), observe_gates(model, record):
        model(move_to_model(model, images))
    return ranks


def _redraw_parameters(gate: nn.Module, seed: int, name: str) -> None:
    """Initialize the parameters of a gate again."""
    with fork_rng(seed, "redrawn-gate", name):
        for module in gate.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()


def _has_different_parameters(first: nn.Module, second: nn.Module) -> bool:
    """Return True if any parameter differs between two modules with the same structure."""
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


def resize_to_image(gate: GateMap, size: tuple[int, int]) -> Tensor:
    """Return the spatial map of a gate resized to the image, (N, H, W)."""
    return _resize_map(gate.spatial_map, size)


def _resize_map(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (N, h, w) resized to the image, (N, H, W)."""
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def _rank_windows(grids: Tensor) -> CenteredRanks:
    """Return the ranks of the windows of each grid (..., Py, Px), (..., P)."""
    return compute_centered_ranks(grids.flatten(-2))
