"""Statistics of every gate over a data set: its values, its status, its distance from the untrained gate."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from foveal import kernels
from foveal.attention.gate import Gate
from foveal.attention.inserted import get_site_name
from foveal.errors import UsageError
from foveal.explanation.gate_maps import get_map_kind, get_mixing_weight, require_gates
from foveal.explanation.gate_observation import observe_gates
from foveal.explanation.input_validation import move_to_model
from foveal.module_modes import eval_mode

_MIN_STD = 0.01  # smaller deviations are negligible for the layers after a gate
_SATURATED_MARGIN = 0.05  # share of a gate's range at each end
_MAX_SATURATED_SHARE = 0.95
_REDUNDANT_STATUSES = frozenset({"off", "constant", "fixed", "saturated"})


@dataclass(frozen=True)
class GateStatistics:
    """Statistics of the values of one gate over a data set.

    `mean` and `std` are over all values. `std_between_images` is the root of the variance over images,
    averaged over channels and positions. `saturated_share` is the share of values in the lowest or the
    highest 5 % of the range of the gate, `Gate.value_range`: 0 to 1, or 0 to 2 for scSE.
    `distance_from_start` is the mean absolute difference from the values of the untrained gate for the same
    features, None without the untrained network. `mixing_weight` is the weight of a gate with identity start,
    otherwise 1.
    """

    name: str
    site: str
    kind: str
    mean: float
    std: float
    std_between_images: float
    saturated_share: float
    distance_from_start: float | None
    mixing_weight: float
    image_count: int

    @property
    def status(self) -> str:
        """`off`, `constant`, `fixed`, `saturated`, `unmoved` or `working`.

        * `off`: the mixing weight is near 0.
        * `constant`: all values are nearly equal.
        * `fixed`: the value of each channel or position hardly depends on the image.
        * `saturated`: nearly all values are in the lowest or the highest 5 % of the gate's range.
        * `unmoved`: the values are nearly those of the untrained gate.
        """
        if abs(self.mixing_weight) < _MIN_STD:
            return "off"
        if self.std < _MIN_STD:
            return "constant"
        if self.std_between_images < _MIN_STD:
            return "fixed"
        if self.saturated_share > _MAX_SATURATED_SHARE:
            return "saturated"
        distance = self.distance_from_start
        return "unmoved" if distance is not None and distance < _MIN_STD else "working"

    @property
    def is_redundant(self) -> bool:
        """True if the weights of the next layer could replace the gate: off, constant, fixed or saturated."""
        return self.status in _REDUNDANT_STATUSES


@dataclass
class _GateTotals:
    """Sums over the images processed so far, in double precision.

    `value_sum` and `square_sum` are per channel and position; the other sums are over all values.
    """

    value_sum: Tensor
    square_sum: Tensor
    kind: str
    value_range: tuple[float, float]
    saturated_count: float = 0.0
    distance_sum: float = 0.0
    value_count: int = 0
    image_count: int = 0

    def add(self, values: Tensor, initial_values: Tensor | None) -> None:
        """Add the map of a batch, (B, ...), and its difference from the map of the untrained gate."""
        # A copy on the CPU: some devices lack double precision, and it is overwritten below.
        exact = values.cpu().to(torch.float64, copy=True)
        self.value_sum += exact.sum(0)
        low, high = self.value_range
        margin = _SATURATED_MARGIN * (high - low)
        is_saturated = (exact < low + margin).logical_or_(exact > high - margin)
        self.saturated_count += int(is_saturated.count_nonzero())
        if initial_values is not None:
            self.distance_sum += float((exact - initial_values.cpu()).abs_().sum())
        self.square_sum += exact.square_().sum(0)
        self.value_count += values.numel()
        self.image_count += len(values)


@torch.no_grad()
def compute_gate_statistics(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    start: nn.Module | None = None,
) -> tuple[GateStatistics, ...]:
    """Return the statistics of every gate over a data set, in the order in which the gates run.

    Args:
        model: a network with gates of foveal.
        batches: pairs of images (B, C, H, W), all of one size, and labels, which are not used. Images are
            moved to the model's device and dtype.
        start: the same network with untrained gates. Each untrained gate gets the features of the trained
            network, so that only the gate differs. A copy is used; `start` does not change.

    Raises:
        UsageError: there is no gate or no batch, or `start` is a different network.
    """
    require_gates(model)
    totals: dict[str, _GateTotals] = {}
    initial_gates: dict[str, Gate] = {}

    def record(name: str, features: Tensor, values: Tensor) -> None:
        initial_values = None
        if start is not None:
            if name not in initial_gates:
                initial_gates[name] = _copy_untrained_gate(start, name, features)
            initial_values = initial_gates[name].attention_map(features)
        if name not in totals:
            zeros = torch.zeros(values.shape[1:], dtype=torch.float64)
            gate = cast("Gate", model.get_submodule(name))
            kind = get_map_kind(values)
            totals[name] = _GateTotals(zeros, zeros.clone(), kind, gate.value_range)
        totals[name].add(values, initial_values)

    # Trained and untrained gates both use plain operations, so that an unmoved gate has distance 0.
    with eval_mode(model), kernels.use("plain"), observe_gates(model, record):
        for images, _ in batches:
            model(move_to_model(model, images))
    if not totals:
        raise UsageError("Statistics of gates need at least one batch of images.")
    return tuple(
        _summarize_gate(
            name,
            get_site_name(model, name),
            gate_totals,
            get_mixing_weight(model, name),
            start is not None,
        )
        for name, gate_totals in totals.items()
    )


def _copy_untrained_gate(start: nn.Module, name: str, features: Tensor) -> Gate:
    """Return a copy of an untrained gate in eval mode, on the device and in the dtype of the features."""
    gate = dict(start.named_modules()).get(name)
    if not isinstance(gate, Gate):
        raise UsageError(
            f"Parameter `start` should be the same network with untrained gates. It has no gate {name!r}."
        )
    return copy.deepcopy(gate).to(features).eval()


def _summarize_gate(
    name: str, site: str, totals: _GateTotals, mixing_weight: float, has_start: bool
) -> GateStatistics:
    """Return the statistics of one gate from its totals."""
    mean = totals.value_sum / totals.image_count
    variance = (totals.square_sum / totals.image_count - mean.square()).clamp(min=0)
    overall_mean = float(mean.mean())
    overall_variance = float((totals.square_sum / totals.image_count).mean()) - overall_mean**2
    return GateStatistics(
        name=name,
        site=site,
        kind=totals.kind,
        mean=overall_mean,
        std=max(0.0, overall_variance) ** 0.5,
        std_between_images=float(variance.mean()) ** 0.5,
        saturated_share=totals.saturated_count / totals.value_count,
        distance_from_start=totals.distance_sum / totals.value_count if has_start else None,
        mixing_weight=mixing_weight,
        image_count=totals.image_count,
    )
