"""Result of an insertion: the gates, their parameters, their removal, their recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from foveal.attention.inserted import find_gates
from foveal.models.finetuning import collect_parameters, exclude_parameters, freeze_parameters
from foveal.models.gate_guard import find_lost_sites, release_gates, restore_gates
from foveal.models.insertion_table import (
    format_html_table,
    format_skipped,
    format_table,
    format_tree,
    make_table_rows,
)
from foveal.models.recipe import make_recipe
from foveal.models.sites import Site
from foveal.models.skipped_sites import SkippedSite

_MAX_HTML_ROWS: Final = 12


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
        inserted: the gates.
    """

    model: nn.Module
    attention: str
    where: str
    sites: tuple[Site, ...]
    parameters: tuple[int, ...]
    skipped: tuple[SkippedSite, ...] = ()
    is_dry_run: bool = False
    inserted: tuple[nn.Module, ...] = ()

    @property
    def gates(self) -> list[nn.Module]:
        """The gates, in the order of the sites."""
        return list(self.inserted)

    def recipe(self) -> dict[str, Any]:
        """Return the gates as JSON: names, options and places; see `foveal.apply`."""
        restore_gates(self.model)
        names = {gate: name for name, gate in find_gates(self.model).items()}
        return make_recipe({names[gate]: gate for gate in self.inserted if gate in names})

    @property
    def gate_parameters(self) -> list[nn.Parameter]:
        """The parameters of the gates."""
        return collect_parameters(self.gates)

    def remove(self) -> None:
        """Remove the gates: the outputs of the model are the same as before the insertion, bit for bit."""
        restore_gates(self.model)
        release_gates(self.model, set(self.inserted))

    def accept_losses(self) -> None:
        """Continue without the gates whose modules are no longer in the network."""
        release_gates(self.model, {site.gate for site in find_lost_sites(self.model)})

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
        """Return the table as HTML for notebooks; of many sites the first, and the sum of all."""
        rows = make_table_rows(self.sites, self.parameters)
        if len(rows) > _MAX_HTML_ROWS:
            more = f"{len(rows) - _MAX_HTML_ROWS} more"
            rows = [*rows[: _MAX_HTML_ROWS - 1], (more, "", ""), rows[-1]]
        return format_html_table(self._caption, rows, self.skipped)

    @property
    def _caption(self) -> str:
        """The attention module and `where`."""
        return f"{self.attention} at {self.where!r}"
