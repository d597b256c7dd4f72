"""Insertion of attention into any CNN, and its removal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from foveal.attention import create, get_entry
from foveal.attention.identity_start import IdentityStart
from foveal.attention.inserted import INSERTED_MARK, get_gate
from foveal.errors import UsageError, bad_parameter
from foveal.models.finetuning import collect_parameters, exclude_parameters, freeze_parameters
from foveal.models.gate_hooks import reattach_gate_hooks, remove_gate_hooks
from foveal.models.placement import find_residual_branch_ends
from foveal.models.sites import Site, Where, find_sites
from foveal.models.tracing import Node, trace_forward
from foveal.seeding import fork_rng
from foveal.validation import require_one_of
from foveal.variant_names import GATE_MODULE_NAME

_WRAPPER_CLASSES = (
    "DataParallel",
    "DistributedDataParallel",
    "FullyShardedDataParallel",
    "OptimizedModule",
)
_STARTS = ("paper", "identity")


@dataclass(frozen=True)
class Insertion:
    """Result of `insert`; as a string it is a table of the sites.

    Attributes:
        model: the network.
        attention: canonical name of the inserted module.
        where: the sites that were selected.
        sites: one site per gate, in the order of the forward pass; with `dry_run` without gates.
        parameters: number of parameters of each gate.
        handles: handles of the hooks on `model`.
    """

    model: nn.Module
    attention: str
    where: str
    sites: tuple[Site, ...]
    parameters: tuple[int, ...]
    handles: tuple[RemovableHandle, ...] = field(default=(), repr=False)

    @property
    def gates(self) -> list[nn.Module]:
        """The gates, in the order of the sites."""
        return [
            getattr(self.model.get_submodule(site.name), GATE_MODULE_NAME) for site in self.sites
        ]

    @property
    def gate_parameters(self) -> list[nn.Parameter]:
        """The parameters of the gates."""
        return collect_parameters(self.gates)

    def remove(self) -> None:
        """Remove the gates: the outputs of the model are the same as before the insertion, bit for bit."""
        for handle in self.handles:
            handle.remove()
        for site in self.sites:
            module = self.model.get_submodule(site.name)
            remove_gate_hooks(module)
            if hasattr(module, GATE_MODULE_NAME):
                delattr(module, GATE_MODULE_NAME)

    def parameter_groups(
        self, *, lr: float, gate_lr: float | None = None, gate_weight_decay: float | None = None,
        freeze_backbone: bool = False,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Return optimizer groups: the backbone, then the gates with their learning rate and weight decay.

        With `freeze_backbone` the parameters of the backbone stop requiring gradients and are in no group.
        Its batch norms still update their statistics in training mode. `foveal.training.train` prevents
        this; other loops call `foveal.module_modes.freeze_batch_norm_statistics` after `model.train()`.
        """
        gates = self.gate_parameters
        backbone = exclude_parameters(self.model.parameters(), gates)
        gate_group: dict[str, Any] = {"params": gates, "lr": lr if gate_lr is None else gate_lr}
        if gate_weight_decay is not None:
            gate_group["weight_decay"] = gate_weight_decay
        if freeze_backbone:
            freeze_parameters(backbone)
            return [gate_group]
        return [{"params": backbone, "lr": lr}, gate_group]

    def add_to_optimizer(self, optimizer: torch.optim.Optimizer, **options: Any) -> None:
        """Add the parameters of the gates to an existing optimizer as a group with these `options`."""
        optimizer.add_param_group({"params": self.gate_parameters, **options})

    def table_rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield the rows of the table: site, shape (C x H x W), parameters."""
        yield "site", "shape", "parameters"
        for site, count in zip(self.sites, self.parameters, strict=True):
            yield site.name, " x ".join(map(str, site.shape[1:])), f"{count:,}"
        yield f"{len(self.sites)} sites", "", f"{sum(self.parameters):,}"

    def __str__(self) -> str:
        rows = list(self.table_rows())
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"
            for name, shape, count in rows
        ]
        return "\n".join([f"{self.attention} at {self.where!r}", *lines])

    def _repr_html_(self) -> str:
        """Return the table as HTML for notebooks."""
        head, *body = self.table_rows()
        cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
        )
        caption = escape(f"{self.attention} at {self.where!r}")
        return f"<table><caption>{caption}</caption><tr>{cells}</tr>{rows}</table>"


def insert(
    model: nn.Module,
    attention: str | Callable[..., nn.Module],
    *,
    where: Where | None = None,
    example: Tensor | None = None,
    seed: int | None = None,
    start: str = "paper",
    dry_run: bool = False,
    **options: object,
) -> Insertion:
    """Insert one gate at every site that `where` selects, and return the result.

    A gate is a child named `attention` of the module at its site and is applied by a forward hook. So the
    keys of the backbone's state dict do not change, and its weights load before or after the insertion.
    If a conversion rebuilds a module without its hooks, the next forward of `model` restores the gate's.

    Args:
        model: any CNN; it is changed in place.
        attention: a name from `foveal.attention.available()`, one of its aliases, or `timm/NAME`; or a
            class of your own, called as `MyAttention(channels, **options)`, also as text
            `package.module:MyAttention`.
        where: `residual` (in each residual block after the last norm, before the addition), `stage`
            (at the end of each stage except the last), `conv` (after the activation of each
            convolutional block, before pooling), several of them joined by a plus sign, a pattern of
            module names such as `layer[34].*.bn2`, or a function of a module's name and the module.
            By default the sites of the module's paper, and `conv` in a network without residual blocks.
        example: an input (N, C, H, W) for the forward pass that finds the sites; by default zeros of
            the model's `input_shape`, or of 3x224x224.
        seed: seed of the gates' random streams, by default torch's initial seed. The state of torch's
            generators does not change.
        start: `paper`, or `identity`: a new gate leaves its input unchanged until it is trained.
        dry_run: return the result without changing the model.
        options: of the attention module; a list gives one value per site.

    Raises:
        UsageError: the name, an option or `where` is invalid, the network has no such sites, a site
            already has a gate, or the model is compiled or wrapped for distributed training.

    >>> from foveal.models import ConvNet
    >>> print(insert(ConvNet(), "cbam"))
    cbam at 'conv'
    site           shape         parameters
    blocks.0.relu  32 x 32 x 32         262
    blocks.1.relu  64 x 16 x 16         680
    blocks.2.relu  128 x 8 x 8        2,284
    3 sites                           3,226
    """
    if type(model).__name__ in _WRAPPER_CLASSES:
        raise UsageError(
            f"The model is wrapped in {type(model).__name__}. Insert attention before wrapping it."
        )
    require_one_of("start", start, _STARTS)
    entry = get_entry(attention)
    example = make_example(model) if example is None else example
    nodes = trace_forward(model, example)
    where = _get_default_where(nodes, entry.where) if where is None else where
    sites = find_sites(nodes, where)
    _require_free_sites(model, sites)
    seed = torch.initial_seed() if seed is None else seed
    parameter = next(model.parameters())
    gates = [
        _create_gate(site, attention, site_options, seed, start).to(parameter)
        for site, site_options in zip(
            sites, _split_options_by_site(options, len(sites)), strict=True
        )
    ]
    counts = tuple(sum(p.numel() for p in gate.parameters()) for gate in gates)
    where_name = where if isinstance(where, str) else getattr(where, "__name__", "a function")
    if dry_run:
        return Insertion(model, entry.name, where_name, tuple(sites), counts)
    for site, gate in zip(sites, gates, strict=True):
        module = model.get_submodule(site.name)
        setattr(gate, INSERTED_MARK, True)
        module.add_module(GATE_MODULE_NAME, gate.train(module.training))
    reattach_gate_hooks(model, ())
    handle = model.register_forward_pre_hook(reattach_gate_hooks)
    insertion = Insertion(model, entry.name, where_name, tuple(sites), counts, (handle,))
    _verify_single_call(insertion, trace_forward(model, example))
    return insertion


def make_example(model: nn.Module) -> Tensor:
    """Return an input of zeros, with the shape of the model's images and the dtype of its parameters."""
    parameter = next(model.parameters())
    shape = getattr(model, "input_shape", (3, 224, 224))
    return torch.zeros(1, *shape, dtype=parameter.dtype, device=parameter.device)


def _get_default_where(nodes: list[Node], paper_where: str) -> str:
    """Return the sites of the paper, or `conv` in a network without residual blocks."""
    return paper_where if find_residual_branch_ends(nodes) else "conv"


def _require_free_sites(model: nn.Module, sites: list[Site]) -> None:
    """Raise a `UsageError` if a site already has a gate or a child with the name of one."""
    for site in sites:
        module = model.get_submodule(site.name)
        if get_gate(module) is not None:
            raise UsageError(f"{site.name!r} already has attention. Remove it first.")
        if hasattr(module, GATE_MODULE_NAME):
            raise UsageError(
                f"{site.name!r} has its own attribute {GATE_MODULE_NAME!r}. Choose another module."
            )


def _verify_single_call(insertion: Insertion, nodes: list[Node]) -> None:
    """Remove the insertion and raise a `UsageError` if a gate does not run exactly once per forward pass.

    It runs more often if the forward of the module at its site calls all children.
    """
    calls = Counter(node.call for node in nodes)
    for site, gate in zip(insertion.sites, insertion.gates, strict=True):
        if calls[gate] != 1:
            insertion.remove()
            raise UsageError(
                f"A gate at {site.name!r} would run {calls[gate]} times per forward pass, because "
                "that module calls all its children. Choose another module by a name pattern."
            )


def _split_options_by_site(options: dict[str, object], count: int) -> list[dict[str, object]]:
    """Return the options of each site; a list holds one value per site."""
    for name, value in options.items():
        if isinstance(value, list) and len(value) != count:
            raise bad_parameter(
                name, f"one value, or a list of {count} values, one per site", value
            )
    return [
        {name: v[site] if isinstance(v, list) else v for name, v in options.items()}
        for site in range(count)
    ]


def _create_gate(
    site: Site,
    attention: str | Callable[..., nn.Module],
    options: dict[str, object],
    seed: int,
    start: str,
) -> nn.Module:
    """Create the gate of a site; its weights come from a random stream of that site."""
    with fork_rng(seed, "gates", site.name):
        gate = create(attention, site.channels, **options)
    return IdentityStart(gate) if start == "identity" else gate
