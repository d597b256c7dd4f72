"""Measure what networks cost, one or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from foveal.cost.ablation import GatePassedBy, outermost_gates, replace_module
from foveal.cost.comparison import CostComparison
from foveal.cost.conditions import META, Setting, Shape, checked_setting, name_of
from foveal.cost.copying import copied
from foveal.cost.layers import layers_of
from foveal.cost.peak import peak_memory
from foveal.cost.profiling import count, hold
from foveal.cost.report import Conditions, CostReport
from foveal.cost.sites import sites_of, timed
from foveal.cost.timing import time_models
from foveal.cost.totals import totals_of
from foveal.errors import UsageError
from foveal.variant_names import BASELINE


def measure_cost(
    model: nn.Module, input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostReport:  # fmt: skip
    """Measure what a network costs, and what the gates in it add.

    All is measured on copies: parameters, buffers, modes, hooks and generators stay as they are. Multiply-adds
    and element operations are those of a pass in eval mode, the kept bytes those of one in training mode
    (see `foveal.cost.operations` for what counts as what). Operations are counted on the meta device where the
    network runs there, which costs next to nothing whatever the size; what is kept, and times, are taken
    on `device`. Your own hooks run on the copies too. Tensors that are neither parameters nor buffers of a
    module count as kept where the graph saves them.

    Args:
        model: any network.
        input_shape: (C, H, W) of one input without the batch, or one such shape an input.
        batch_size: of all counts, and of times beside those of a single image.
        device: `cpu`, `cuda`, or `meta` to count only.
        precision: `fp32`, or `bf16` by autocast.
        latency: take times, those of the network without its gates in turns with its own.
        compiled: take times of `torch.compile` too; compiling takes a minute or more.
        channels_last: how feature maps lie in memory while times are taken.

    Raises:
        UsageError: a parameter is wrong, or the model cannot be copied.
        FovealError: the model raises on such an input.

    >>> from foveal.models import build_model
    >>> report = measure_cost(build_model("convnet", attention="series"), (3, 32, 32), latency=False)
    >>> report.totals.parameters, report.totals.macs
    (2205348, 12566400)
    """
    options = {
        "batch_size": batch_size, "device": device, "precision": precision, "latency": latency,
        "compiled": compiled, "channels_last": channels_last,
    }  # fmt: skip
    models = {"model": model}
    plain = without_gates(model)
    if plain is not None:
        models[BASELINE] = plain
    compared = compare_costs(models, input_shape, **options)  # type: ignore[arg-type]
    return replace(compared.reports["model"], model=type(model).__name__)


@torch.inference_mode(mode=False)
@torch.enable_grad()
def compare_costs(
    models: Mapping[str, nn.Module], input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostComparison:  # fmt: skip
    """Measure several networks side by side, against the one named `none` if there is one.

    The arguments are those of `measure_cost`.
    """
    setting = checked_setting(
        input_shape, batch_size=batch_size, device=device, precision=precision,
        channels_last=channels_last,
    )  # fmt: skip
    if setting.device == META and compiled:
        raise UsageError("The meta device takes no time: `compiled` should be false.")
    models = {name: getattr(model, "_orig_mod", model) for name, model in models.items()}
    reports = {name: counted_report(name, model, setting) for name, model in models.items()}
    if latency and setting.device != META:
        timings = time_models(models, setting, compiled=compiled)
        for name, model in models.items():
            sites = tuple(timed(model, reports[name].sites, setting))
            reports[name] = replace(reports[name], timings=tuple(timings[name]), sites=sites)
    plain = reports.get(BASELINE)
    if plain is not None:
        reports = {n: r if n == BASELINE else replace(r, plain=plain) for n, r in reports.items()}
    return CostComparison(reports)


def counted_report(name: str, model: nn.Module, setting: Setting) -> CostReport:
    """Return what can be said of a network without a clock."""
    done, held = count(model, setting), hold(model, setting)
    layers = layers_of(model, done, held)
    conditions = Conditions(
        setting.shapes, setting.batch_size, setting.device, name_of(setting.device),
        torch.get_num_threads(), setting.precision,
        "channels_last" if setting.channels_last else "contiguous", done.on, torch.__version__,
    )  # fmt: skip
    return CostReport(
        name,
        conditions,
        totals_of(model, layers, setting),
        tuple(layers),
        tuple(sites_of(model, layers, held)),
        peak=peak_memory(model, setting),
    )


def without_gates(model: nn.Module) -> nn.Module | None:
    """Return a copy of a network that passes through where gates were, None if there were none."""
    names = outermost_gates(model)
    if not names or names == [""]:
        return None
    like = next(model.parameters(), None)
    plain = copied(model, "cpu" if like is None else like.device)
    for name in names:
        replace_module(plain, name, GatePassedBy())
    return plain
