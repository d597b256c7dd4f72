"""Insertion of attention into any CNN, and its removal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from foveal.attention import create, get_entry
from foveal.attention.gate_before_activation import GateBeforeActivation
from foveal.attention.identity_start import IdentityStart
from foveal.attention.inserted import INPUT_MARK, INSERTED_MARK
from foveal.errors import UsageError, bad_parameter
from foveal.models.example_inputs import run_with_inputs
from foveal.models.finetuning import collect_parameters, exclude_parameters, freeze_parameters
from foveal.models.gate_hooks import reattach_gate_hooks, remove_gate_hooks
from foveal.models.insertable import require_insertable
from foveal.models.insertion_table import (
    format_html_table,
    format_skipped,
    format_table,
    format_tree,
    make_table_rows,
)
from foveal.models.sites import (
    Site,
    SkippedSite,
    Where,
    choose_default_where,
    find_sites,
    format_where,
)
from foveal.models.tracing import Trace, trace_forward
from foveal.seeding import fork_rng
from foveal.validation import require_one_of
from foveal.variant_names import GATE_MODULE_NAME

_STARTS = ("paper", "identity")


@dataclass(frozen=True, repr=False)
class Insertion:
    """Result of `insert`; as a string it is a table of the sites, of a dry run a tree of the network.

    Attributes:
        model: the network.
        attention: canonical name of the inserted module.
        where: the sites that were selected.
        sites: one site per gate, in the order of the forward pass; with `dry_run` without gates.
        parameters: number of parameters of each gate.
        skipped: selected places without a gate, with the reason.
        is_dry_run: whether nothing was inserted.
        handles: handles of the hooks on `model`.
    """

    model: nn.Module
    attention: str
    where: str
    sites: tuple[Site, ...]
    parameters: tuple[int, ...]
    skipped: tuple[SkippedSite, ...] = ()
    is_dry_run: bool = False
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

    def __str__(self) -> str:
        rows = make_table_rows(self.sites, self.parameters)
        lines = format_table(rows)
        if self.is_dry_run:
            lines = format_tree(self.model, self.attention, self.sites, self.skipped)
            lines.append(f"{rows[-1][0]}, {rows[-1][2]} parameters; nothing is inserted (dry run)")
        return "\n".join([self._caption, *lines, *format_skipped(self.skipped)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table as HTML for notebooks."""
        rows = make_table_rows(self.sites, self.parameters)
        return format_html_table(self._caption, rows, self.skipped)

    @property
    def _caption(self) -> str:
        """The attention module and `where`."""
        return f"{self.attention} at {self.where!r}"


def insert(
    model: nn.Module,
    attention: str | Callable[..., nn.Module],
    *,
    where: Where | None = None,
    example: object = None,
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
            module names such as `layer[34].*.bn2`, a function of a module's name and the module, or a
            list of these. By default the sites of the module's paper, and `conv` in a network without
            residual blocks. Places where no module can hold a gate are left out, see `skipped`.
        example: what the model takes, for the forward pass that finds the sites: a tensor, a tuple of
            arguments, or a dict of keyword arguments. By default zeros of the model's `input_shape`, or
            images with the channels of its first convolution, in several sizes.
        seed: seed of the gates' random streams, by default torch's initial seed. The state of torch's
            generators does not change.
        start: `paper`, or `identity`: a new gate leaves its input unchanged until it is trained.
        dry_run: return the result without changing the model; printed, it is a tree of the network.
        options: of the attention module; a list gives one value per site.

    Raises:
        UsageError: the name, an option or `where` is invalid, the network does not take the example, no
            module can hold a gate at the selected places, or the model cannot be changed: it is compiled,
            scripted, wrapped for distributed training or has lazy modules.

    >>> from foveal.models import ConvNet
    >>> print(insert(ConvNet(), "cbam"))
    cbam at 'conv'
    site           shape         parameters
    blocks.0.relu  32 x 32 x 32         262
    blocks.1.relu  64 x 16 x 16         680
    blocks.2.relu  128 x 8 x 8        2,284
    3 sites                           3,226
    """
    require_insertable(model)
    require_one_of("start", start, _STARTS)
    entry = get_entry(attention)
    inputs, trace = run_with_inputs(model, example, partial(trace_forward, model))
    factor = {"has_positive_factor": entry.positive_factor}
    where = choose_default_where(trace, entry.where, **factor) if where is None else where
    sites, skipped = find_sites(model, trace, where, **factor)
    seed = torch.initial_seed() if seed is None else seed
    gates = [
        _create_gate(site, attention, site_options, seed, start)
        for site, site_options in zip(
            sites, _split_options_by_site(options, len(sites)), strict=True
        )
    ]
    counts = tuple(sum(p.numel() for p in gate.parameters()) for gate in gates)
    insertion = Insertion(
        model,
        entry.name,
        format_where(where),
        tuple(sites),
        counts,
        tuple(skipped),
        is_dry_run=dry_run,
    )
    if dry_run:
        return insertion
    try:
        for site, gate in zip(sites, gates, strict=True):
            module = model.get_submodule(site.name)
            setattr(gate, INSERTED_MARK, True)
            setattr(gate, INPUT_MARK, site.position == "input")
            module.add_module(GATE_MODULE_NAME, gate.train(module.training))
        reattach_gate_hooks(model, ())
        insertion = replace(
            insertion, handles=(model.register_forward_pre_hook(reattach_gate_hooks),)
        )
        _require_single_calls(insertion, trace_forward(model, inputs))
    except BaseException:
        insertion.remove()
        raise
    return insertion


def _require_single_calls(insertion: Insertion, trace: Trace) -> None:
    """Raise a `UsageError` if a gate does not run once for each call of the module at its site.

    It runs more often if the forward of the module at its site calls all children.
    """
    for site, gate in zip(insertion.sites, insertion.gates, strict=True):
        calls, expected = trace.gate_calls[gate], trace.module_calls[site.name]
        if calls != expected:
            raise UsageError(
                f"A gate at {site.name!r} would run {calls} times per forward pass instead of {expected}. "
                "That module calls all its children. Choose another module by a name pattern."
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
    is_before_activation = site.negative_slope is not None
    if site.negative_slope is not None:
        gate = GateBeforeActivation(gate, negative_slope=site.negative_slope)
    if start == "identity":
        gate = IdentityStart(gate, is_bounded=is_before_activation)
    return gate.to(site.device, site.dtype)
