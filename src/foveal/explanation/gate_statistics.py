"""Which gates do something: what they say over a whole data set, and how far that is from their start."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal.attention.gate import Gate
from foveal.attention.inserted import site_of
from foveal.errors import UsageError
from foveal.explanation.gate_maps import get_map_kind, get_mixing_weight, require_gates
from foveal.explanation.inputs import to_model
from foveal.kernels import native_kernels
from foveal.module_modes import eval_mode

MIN_DEVIATION = 0.01  # deviations below are too small to matter beside what follows a gate
CLOSED_BELOW, OPEN_ABOVE = 0.05, 0.95
MAX_SATURATED_SHARE = 0.95
REDUNDANT_STATUSES = frozenset(
    {"off", "constant", "fixed", "saturated"}
)  # findings of gates to do without


@dataclass(frozen=True)
class GateStatistics:
    """What one gate says over a data set.

    `mean` and `deviation` are of all values; `between_images` is how much a value changes from image to
    image: the root of its variance over images, averaged over channels and positions. `saturated` is the
    share of values below 0.05 or above 0.95. `moved` is the mean distance from what the gate said at its
    start of the same features, None if that is not known. `share` is 1, or the weight of a gate that
    started from the identity. `images` were seen.
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

        A constant gate has one value throughout. A fixed one has a value for each channel or place that
        hardly depends on the image: the next layer's weights could hold it. Both are useless, and so is
        one that is mixed in by nothing, or is saturated nearly everywhere.
        """
        if abs(self.mixing_weight) < MIN_DEVIATION:
            return "off"
        if self.std < MIN_DEVIATION:
            return "constant"
        if self.std_between_images < MIN_DEVIATION:
            return "fixed"
        if self.saturated_share > MAX_SATURATED_SHARE:
            return "saturated"
        return (
            "unmoved"
            if self.distance_from_start is not None and self.distance_from_start < MIN_DEVIATION
            else "working"
        )

    @property
    def is_redundant(self) -> bool:
        """Whether the network could do without it."""
        return self.status in REDUNDANT_STATUSES


@dataclass
class GateTotals:
    """Sums over the images so far, in double precision; `total` and `squares` are a value's own."""

    total: Tensor
    squares: Tensor
    kind: str
    saturated: float = 0.0
    distance: float = 0.0
    count: int = 0
    images: int = 0

    def add(self, values: Tensor, start: Tensor | None) -> None:
        """Count the map of a batch (B, ...)."""
        exact = values.cpu().double()  # not on the device, which may have no double precision
        self.total += exact.sum(0)
        self.squares += exact.square().sum(0)
        self.saturated += float(((exact < CLOSED_BELOW) | (exact > OPEN_ABOVE)).sum())
        if start is not None:
            self.distance += float((exact - start.cpu().double()).abs().sum())
        self.count += values.numel()
        self.images += len(values)


@torch.no_grad()
def gate_statistics(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    start: nn.Module | None = None,
) -> tuple[GateStatistics, ...]:
    """Return what every gate of a network says over a data set, in the order in which they run.

    Args:
        model: a network with gates of foveal.
        batches: images (B, C, H, W), all of one size, and labels, which are not used. They are brought
            to the model's device and dtype.
        start: the same network with gates as they were before training. Its gates are asked of the
            features that the trained network gives them, so that only the gate has changed. It is left
            where it is: a copy is asked.

    Raises:
        UsageError: there is no gate, no image, or `start` is another network.
    """
    require_gates(model)
    tallies: dict[str, GateTotals] = {}
    # A copy, as its gates go where the features are.
    first = dict(copy.deepcopy(start).named_modules()) if start is not None else {}

    def tell(name: str, features: Tensor, values: Tensor) -> None:
        at_start = compute_initial_map(first, name, features) if start is not None else None
        if name not in tallies:
            shape = values.shape[1:]
            zero = torch.zeros(shape, dtype=torch.float64)
            tallies[name] = GateTotals(zero, zero.clone(), get_map_kind(values))
        tallies[name].add(values, at_start)

    # Plain, as the gates of the start are: only so is a gate that has not moved found at the same place.
    with eval_mode(model), native_kernels(False), observe_gates(model, tell):
        for images, _ in batches:
            model(to_model(model, images))
    if not tallies:
        raise UsageError("Statistics of gates need at least one batch of images.")
    return tuple(
        summarize_gate(name, tally, get_mixing_weight(model, name), start is not None)
        for name, tally in tallies.items()
    )


@contextmanager
def observe_gates(model: nn.Module, tell: Callable[[str, Tensor, Tensor], None]) -> Iterator[None]:
    """Tell of every gate that runs: its name, what it was given, and its map."""
    features: dict[str, Tensor] = {}
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, Gate):

            def take(_: nn.Module, given: tuple[Tensor, ...], name: str = name) -> None:
                features[name] = given[0]

            def pass_on(_: nn.Module, __: object, values: Tensor, name: str = name) -> None:
                tell(name, features.pop(name), values)

            handles.append(module.register_forward_pre_hook(take))
            handles.append(module.tap.register_forward_hook(pass_on))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def compute_initial_map(modules: dict[str, nn.Module], name: str, features: Tensor) -> Tensor:
    """Return the map that a gate gave at its start for the same features."""
    gate = modules.get(name)
    if not isinstance(gate, Gate):
        raise UsageError(f"`start` should be the same network. Found no gate {name!r} in it.")
    with eval_mode(gate):
        return gate.to(features).attention_map(features)


def summarize_gate(name: str, tally: GateTotals, share: float, with_start: bool) -> GateStatistics:
    """Return the statistics of one gate."""
    mean = tally.total / tally.images
    between = (tally.squares / tally.images - mean.square()).clamp(min=0)
    overall = float(mean.mean())
    spread = float((tally.squares / tally.images).mean()) - overall**2
    return GateStatistics(
        name=name,
        site=site_of(name),
        kind=tally.kind,
        mean=overall,
        std=max(0.0, spread) ** 0.5,
        std_between_images=float(between.mean()) ** 0.5,
        saturated_share=tally.saturated / tally.count,
        distance_from_start=tally.distance / tally.count if with_start else None,
        mixing_weight=share,
        image_count=tally.images,
    )
