"""Put attention into a network that knows nothing of it, and take it out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveal.attention import create, get_entry
from foveal.attention.identity_start import IdentityStart
from foveal.attention.inserted import MARK, gate_of
from foveal.errors import UsageError, bad_parameter
from foveal.models.finetuning import freeze, parameters_of, without
from foveal.models.placement import in_residual_branches
from foveal.models.sites import Site, Where, find_sites
from foveal.models.tracing import Node, trace
from foveal.seeding import fork_rng
from foveal.validation import require_one_of
from foveal.variant_names import GATE_CHILD

WRAPPERS = (
    "DataParallel",
    "DistributedDataParallel",
    "FullyShardedDataParallel",
    "OptimizedModule",
)
STARTS = ("paper", "identity")


@dataclass(frozen=True)
class Insertion:
    """What `insert` did, or with `dry_run` would do; printed, it is a table."""

    model: nn.Module
    attention: str
    where: str
    sites: tuple[Site, ...]
    parameters: tuple[int, ...]
    handles: tuple[RemovableHandle, ...] = field(default=(), repr=False)

    @property
    def gates(self) -> list[nn.Module]:
        """The gates, in the order of the sites."""
        return [getattr(self.model.get_submodule(site.name), GATE_CHILD) for site in self.sites]

    @property
    def gate_parameters(self) -> list[nn.Parameter]:
        """The parameters of the gates, apart from the backbone's."""
        return parameters_of(self.gates)

    def remove(self) -> None:
        """Take the gates out: the model computes what it did before, bit for bit."""
        for handle in self.handles:
            handle.remove()
        for site in self.sites:
            module = self.model.get_submodule(site.name)
            drop_hooks(module)
            if hasattr(module, GATE_CHILD):
                delattr(module, GATE_CHILD)

    def parameter_groups(
        self, *, lr: float, gate_lr: float | None = None, gate_weight_decay: float | None = None,
        freeze_backbone: bool = False,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Return groups for an optimizer: the backbone, then the gates with what is their own.

        With `freeze_backbone` the backbone's parameters stop asking for gradients and have no group.
        Its batch norms still follow the data in training mode: `foveal.training.train` holds them by
        `foveal.module_modes.hold_frozen_norms`, and so can a loop of your own, after each `model.train()`.
        """
        gates = self.gate_parameters
        backbone = without(self.model.parameters(), gates)
        own: dict[str, Any] = {"params": gates, "lr": lr if gate_lr is None else gate_lr}
        if gate_weight_decay is not None:
            own["weight_decay"] = gate_weight_decay
        if freeze_backbone:
            freeze(backbone)
            return [own]
        return [{"params": backbone, "lr": lr}, own]

    def join(self, optimizer: torch.optim.Optimizer, **options: Any) -> None:
        """Give the gates' parameters to an optimizer that is at work already, with their `options`."""
        optimizer.add_param_group({"params": self.gate_parameters, **options})

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield the table: site, shape (C x H x W), parameters."""
        yield "site", "shape", "parameters"
        for site, count in zip(self.sites, self.parameters, strict=True):
            yield site.name, " x ".join(map(str, site.shape[1:])), f"{count:,}"
        yield f"{len(self.sites)} sites", "", f"{sum(self.parameters):,}"

    def __str__(self) -> str:
        rows = list(self.rows())
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"
            for name, shape, count in rows
        ]
        return "\n".join([f"{self.attention} at {self.where!r}", *lines])

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        head, *body = self.rows()
        cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
        )
        caption = escape(f"{self.attention} at {self.where!r}")
        return f"<table><caption>{caption}</caption><tr>{cells}</tr>{rows}</table>"


def insert(
    model: nn.Module,
    attention: str,
    *,
    where: Where | None = None,
    example: Tensor | None = None,
    seed: int | None = None,
    start: str = "paper",
    dry_run: bool = False,
    **options: object,
) -> Insertion:
    """Put one gate of kind `attention` at every site of `where`, and return what was done.

    A gate lives as a child named `attention` of the module at its site and is applied by a forward
    hook, so the keys of the model's own state dict stay as they were, and weights load before or
    after. Where a conversion rebuilds a module and drops its hooks, the gate is hung again at the
    next forward of `model`.

    Args:
        model: any CNN; it is changed in place.
        attention: a name from `foveal.attention.available()`.
        where: `residual` (in each residual block after the last norm, before the addition), `stage`
            (at the end of each stage but the last), `conv` (after the activation of each
            convolutional block, before pooling), some of them joined by a plus sign, a pattern of
            module names such as `layer[34].*.bn2`, or a function of a module's name and the module.
            By default the place that the module's paper gives it, and `conv` in a network without
            residual blocks.
        example: an input (N, C, H, W) for the forward pass that finds the sites; by default zeros of
            the model's `input_shape`, or of 3x224x224.
        seed: seed of the gates' own streams, by default that of torch. The generators do not move.
        start: `paper`, or `identity`: a fresh gate changes nothing, and learns from there.
        dry_run: only say what would be done.
        options: of the attention module; a list gives one value a site.

    Raises:
        UsageError: the name, an option or the place is unknown, the network has no such place, a gate is
            there already, or the model is wrapped for distribution or compiled.

    >>> from foveal.models import ConvNet
    >>> print(insert(ConvNet(), "cbam"))
    cbam at 'conv'
    site           shape         parameters
    blocks.0.relu  32 x 32 x 32         262
    blocks.1.relu  64 x 16 x 16         680
    blocks.2.relu  128 x 8 x 8        2,284
    3 sites                           3,226
    """
    if type(model).__name__ in WRAPPERS:
        raise UsageError(f"Insert attention before the model is wrapped in {type(model).__name__}.")
    require_one_of("start", start, STARTS)
    entry = get_entry(attention)
    attention, paper = entry.name, entry.where
    example = example_of(model) if example is None else example
    nodes = trace(model, example)
    where = default_place(nodes, paper) if where is None else where
    sites = find_sites(nodes, where)
    refuse_taken(model, sites)
    seed = torch.initial_seed() if seed is None else seed
    like = next(model.parameters())
    gates = [
        make_gate(site, attention, own, seed, start).to(like)
        for site, own in zip(sites, options_by_site(options, len(sites)), strict=True)
    ]
    counts = tuple(sum(p.numel() for p in gate.parameters()) for gate in gates)
    named = where if isinstance(where, str) else getattr(where, "__name__", "a function")
    if dry_run:
        return Insertion(model, attention, named, tuple(sites), counts)
    for site, gate in zip(sites, gates, strict=True):
        module = model.get_submodule(site.name)
        setattr(gate, MARK, True)
        module.add_module(GATE_CHILD, gate.train(module.training))
    hang_gates(model, ())
    guard = model.register_forward_pre_hook(hang_gates)
    done = Insertion(model, attention, named, tuple(sites), counts, (guard,))
    refuse_misplaced(done, trace(model, example))
    return done


def example_of(model: nn.Module) -> Tensor:
    """Return zeros in the shape of the model's input."""
    like = next(model.parameters())
    shape = getattr(model, "input_shape", (3, 224, 224))
    return torch.zeros(1, *shape, dtype=like.dtype, device=like.device)


def default_place(nodes: list[Node], paper: str) -> str:
    """Return the paper's place, or `conv` in a network without residual blocks."""
    return paper if in_residual_branches(nodes) else "conv"


def refuse_taken(model: nn.Module, sites: list[Site]) -> None:
    """Refuse a second gate at a site."""
    for site in sites:
        module = model.get_submodule(site.name)
        if gate_of(module) is not None:
            raise UsageError(f"{site.name!r} has attention already: remove it first.")
        if hasattr(module, GATE_CHILD):
            raise UsageError(
                f"{site.name!r} has an {GATE_CHILD!r} of its own: choose another module."
            )


def refuse_misplaced(done: Insertion, nodes: list[Node]) -> None:
    """Undo an insertion whose gates do not run once each: a module may run through its children."""
    calls = Counter(node.call for node in nodes)
    for site, gate in zip(done.sites, done.gates, strict=True):
        if calls[gate] != 1:
            done.remove()
            raise UsageError(
                f"A gate at {site.name!r} would run {calls[gate]} times in a forward pass, since "
                "that module runs its children by itself: choose another by a name pattern."
            )


def options_by_site(options: dict[str, object], count: int) -> list[dict[str, object]]:
    """Return the options of each site: a list gives one value to each."""
    for name, value in options.items():
        if isinstance(value, list) and len(value) != count:
            raise bad_parameter(name, f"one value, or a list of {count}, one a site", value)
    return [
        {name: v[site] if isinstance(v, list) else v for name, v in options.items()}
        for site in range(count)
    ]


def make_gate(
    site: Site, attention: str, options: dict[str, object], seed: int, start: str
) -> nn.Module:
    """Make the gate of one site, its weights from a stream that no other site shares."""
    with fork_rng(seed, "gates", site.name):
        gate = create(attention, site.channels, **options)
    return IdentityStart(gate) if start == "identity" else gate


# Functions of the module, not closures: so the model can be copied, pickled and compiled.
def apply_gate(module: nn.Module, _: tuple[object, ...], output: Tensor) -> Tensor:
    """Weigh the output of `module` by its gate."""
    gate: nn.Module = getattr(module, GATE_CHILD)
    weighed: Tensor = gate(output)
    return weighed


def hang_gates(model: nn.Module, _: tuple[object, ...]) -> None:
    """See that every gate is applied: what rebuilds a module keeps its children and drops its hooks."""
    for module in model.modules():
        if gate_of(module) is not None and apply_gate not in module._forward_hooks.values():
            module.register_forward_hook(apply_gate)


def drop_hooks(module: nn.Module) -> None:
    """Take our hook from a module, under whichever handle it was put there."""
    for key in [k for k, hook in module._forward_hooks.items() if hook is apply_gate]:
        del module._forward_hooks[key]
