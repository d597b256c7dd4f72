"""Put attention into a network that knows nothing of it, and take it out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveal.attention import create
from foveal.attention.gate import one_of
from foveal.errors import UsageError
from foveal.models.places import PLACES, Site
from foveal.models.tracing import GATE, trace
from foveal.seeding import seeded


@dataclass(frozen=True)
class Insertion:
    """What `insert` did; printed, it is a table."""

    model: nn.Module
    attention: str
    where: str
    sites: tuple[Site, ...]
    parameters: tuple[int, ...]
    handles: tuple[RemovableHandle, ...]

    def remove(self) -> None:
        """Take the gates out: the model computes what it did before, bit for bit."""
        for site, handle in zip(self.sites, self.handles, strict=True):
            handle.remove()
            delattr(self.model.get_submodule(site.name), GATE)

    def __str__(self) -> str:
        rows = [("site", "shape", "parameters")]
        for site, count in zip(self.sites, self.parameters, strict=True):
            rows.append((site.name, " x ".join(map(str, site.shape[1:])), f"{count:,}"))
        rows.append((f"{len(self.sites)} sites", "", f"{sum(self.parameters):,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"
            for name, shape, count in rows
        ]
        return "\n".join([f"{self.attention} at {self.where!r}", *lines])


def insert(
    model: nn.Module,
    attention: str,
    *,
    where: str | None = None,
    example: Tensor | None = None,
    seed: int | None = None,
    **options: object,
) -> Insertion:
    """Put one gate of kind `attention` at every site of `where`, and return what was done.

    A gate lives as a child named `attention` of the module at its site and is applied by a forward
    hook, so the keys of the model's own state dict stay as they were.

    Args:
        model: any CNN; it is changed in place.
        attention: a name from `foveal.attention.available()`.
        where: `conv`, after the activation of each convolutional block.
        example: an input (N, C, H, W) for the forward pass that finds the sites; by default zeros of
            the model's `input_shape`, or of 3x224x224.
        seed: seed of the gates' own stream, by default that of torch. The generators do not move.
        options: of the attention module.

    Raises:
        UsageError: the name, an option or the place is unknown, the network has no such place, or
            a gate is there already.

    >>> from foveal.models import ConvNet
    >>> print(insert(ConvNet(), "series"))
    series at 'conv'
    site           shape         parameters
    blocks.0.relu  32 x 32 x 32         262
    blocks.1.relu  64 x 16 x 16         680
    blocks.2.relu  128 x 8 x 8        2,284
    3 sites                           3,226
    """
    where = one_of("where", where or "conv", PLACES)
    sites = find_sites(model, where, example)
    seed = torch.initial_seed() if seed is None else seed
    like = next(model.parameters())
    gates = [make_gate(site, attention, options, seed).to(like) for site in sites]
    handles = [
        attach(model.get_submodule(site.name), gate)
        for site, gate in zip(sites, gates, strict=True)
    ]
    counts = tuple(sum(p.numel() for p in gate.parameters()) for gate in gates)
    return Insertion(model, attention, where, tuple(sites), counts, tuple(handles))


def find_sites(model: nn.Module, where: str, example: Tensor | None) -> Sequence[Site]:
    """Return the sites of `where`, each free and called once."""
    if example is None:
        shape = getattr(model, "input_shape", (3, 224, 224))
        like = next(model.parameters())
        example = torch.zeros(1, *shape, dtype=like.dtype, device=like.device)
    sites = PLACES[where](trace(model, example))
    if not sites:
        raise UsageError(f"{type(model).__name__} has no place {where!r} for attention.")
    seen: set[str] = set()
    for site in sites:
        if site.name in seen:
            raise UsageError(f"{site.name!r} is called more than once: it cannot hold one gate.")
        if hasattr(model.get_submodule(site.name), GATE):
            raise UsageError(f"{site.name!r} has attention already: remove it first.")
        seen.add(site.name)
    return sites


def make_gate(site: Site, attention: str, options: dict[str, object], seed: int) -> nn.Module:
    """Make the gate of one site, its weights from a stream that no other site shares."""
    with seeded(seed, "gates", site.name):
        return create(attention, site.channels, **options)


def attach(module: nn.Module, gate: nn.Module) -> RemovableHandle:
    """Hang `gate` below `module` and apply it to what the module returns."""
    gate.train(module.training)
    module.add_module(GATE, gate)
    return module.register_forward_hook(apply_gate)


# A function of the module, not a closure: so the model can be copied, pickled and compiled.
def apply_gate(module: nn.Module, _: tuple[object, ...], output: Tensor) -> Tensor:
    """Weigh the output of `module` by its gate."""
    gate: nn.Module = getattr(module, GATE)
    weighed: Tensor = gate(output)
    return weighed
