"""Insertion of attention into any CNN, and its removal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from foveal.attention import get_entry
from foveal.attention.inserted import GateRecord, set_record
from foveal.errors import FovealError, UsageError, bad_parameter, summarize_error
from foveal.models.example_inputs import run_with_inputs
from foveal.models.folded_norm import find_folding_convolution
from foveal.models.gate_creation import create_gate
from foveal.models.gate_guard import guard_gate
from foveal.models.insertable import require_insertable
from foveal.models.insertion_result import Insertion
from foveal.models.sites import (
    Where,
    choose_default_where,
    find_sites,
    format_where,
)
from foveal.models.tracing import Trace, trace_forward
from foveal.validation import require_one_of

_STARTS = ("paper", "identity")


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
    site_options = _split_options_by_site(options, len(sites))
    gates = [
        create_gate(site, attention, each, seed, start)
        for site, each in zip(sites, site_options, strict=True)
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
    insertion = replace(insertion, inserted=tuple(gates))
    try:
        for index, (site, gate) in enumerate(zip(sites, gates, strict=True)):
            set_record(
                gate,
                GateRecord(
                    entry.name,
                    site_options[index],
                    start,
                    insertion.where,
                    site.name,
                    site.position,
                    site.negative_slope,
                    site.shape,
                    find_folding_convolution(trace, site),
                    index,
                ),
            )
            guard_gate(model, gate)
        _require_single_calls(insertion, trace_forward(model, inputs))
    except BaseException as error:
        insertion.remove()
        if isinstance(error, Exception) and not isinstance(error, FovealError):
            raise UsageError(
                f"The network does not run with the gates ({summarize_error(error)}). They were removed."
            ) from error
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
