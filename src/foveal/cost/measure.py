"""Measurement of the cost of one network, or of several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from foveal.cost.ablation import copy_without_gates
from foveal.cost.breakdown import SiteCost, compute_site_costs, compute_totals, list_layers
from foveal.cost.conditions import (
    META_DEVICE,
    Conditions,
    MeasurementSetup,
    Shape,
    get_device_name,
    make_setup,
)
from foveal.cost.profiling import profile_operations, profile_saved_memory
from foveal.cost.report import CostComparison, CostReport
from foveal.cost.timing import measure_peak_memory, time_gates, time_models
from foveal.errors import UsageError
from foveal.variant_names import BASELINE


def measure_cost(
    model: nn.Module, input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostReport:  # fmt: skip
    """Measure the cost of a network and the additional cost of each gate in it.

    Copies are measured: parameters, buffers, modes, hooks and random generators of the model stay unchanged;
    hooks that you registered run on the copies too. Multiply-adds and element operations are those of a pass
    in eval mode, saved bytes those of a pass in training mode (`foveal.cost.operations` lists the rules).
    Operations are counted on the meta device if the network runs there, which is fast for any size. Saved
    bytes and times are measured on `device`. A tensor that is neither a parameter nor a buffer of a module
    counts as saved if the graph saves it.

    Args:
        model: any network.
        input_shape: (C, H, W) of the input without the batch, or a sequence of such shapes, one per input.
        batch_size: batch size of all counts, and of times in addition to those of a single input.
        device: `cpu`, `cuda`, or `meta` to count only.
        precision: `fp32`, or `bf16` by autocast.
        latency: measure times, interleaved with those of the network without its gates.
        compiled: measure times of `torch.compile` too; compiling takes a minute or more.
        channels_last: use the channels_last layout for times.

    Raises:
        UsageError: a parameter is wrong, or the model cannot be copied.
        FovealError: the model raises an error for such an input.

    >>> from foveal.models import build_model
    >>> report = measure_cost(build_model("convnet", attention="cbam"), (3, 32, 32), latency=False)
    >>> report.totals.parameters, report.totals.macs
    (2205348, 12566400)
    """
    models = {"model": model}
    baseline = copy_without_gates(model)
    if baseline is not None:
        models[BASELINE] = baseline
    comparison = compare_costs(
        models, input_shape, batch_size=batch_size, device=device, precision=precision,
        latency=latency, compiled=compiled, channels_last=channels_last,
    )  # fmt: skip
    return replace(comparison.reports["model"], model=type(model).__name__)


@torch.inference_mode(mode=False)
@torch.enable_grad()
def compare_costs(
    models: Mapping[str, nn.Module], input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostComparison:  # fmt: skip
    """Measure the costs of several networks, compared with the one named `none` if there is one.

    The parameters are those of `measure_cost`.
    """
    setup = make_setup(
        input_shape, batch_size=batch_size, device=device, precision=precision,
        channels_last=channels_last,
    )  # fmt: skip
    if setup.device == META_DEVICE and compiled:
        raise UsageError(
            "Times cannot be measured on the meta device. Parameter `compiled` should be false."
        )
    models = {name: getattr(model, "_orig_mod", model) for name, model in models.items()}
    reports = {name: _measure_without_times(name, model, setup) for name, model in models.items()}
    if latency and setup.device != META_DEVICE:
        timings = time_models(models, setup, compiled=compiled)
        for name, model in models.items():
            sites = _add_gate_times(model, reports[name].sites, setup)
            reports[name] = replace(reports[name], timings=tuple(timings[name]), sites=sites)
    baseline = reports.get(BASELINE)
    if baseline is not None:
        reports = {
            name: report if name == BASELINE else replace(report, baseline=baseline)
            for name, report in reports.items()
        }
    return CostComparison(reports)


def _measure_without_times(name: str, model: nn.Module, setup: MeasurementSetup) -> CostReport:
    """Return the report of a network without times."""
    operations = profile_operations(model, setup)
    memory = profile_saved_memory(model, setup)
    layers = list_layers(model, operations, memory)
    conditions = Conditions(
        setup.input_shapes, setup.batch_size, setup.device, get_device_name(setup.device),
        torch.get_num_threads(), setup.precision, setup.memory_format, operations.device,
        torch.__version__,
    )  # fmt: skip
    return CostReport(
        name,
        conditions,
        compute_totals(model, layers, setup),
        tuple(layers),
        tuple(compute_site_costs(model, layers, memory)),
        peak_bytes=measure_peak_memory(model, setup),
    )


def _add_gate_times(
    model: nn.Module, sites: Sequence[SiteCost], setup: MeasurementSetup
) -> tuple[SiteCost, ...]:
    """Return the sites with the times of each gate alone; one gate of each group of equals is timed."""
    # A gate that was never called has no shape.
    first_of_group = {site.group_key: site for site in reversed(sites) if site.shape}
    gates = {
        site.gate: (model.get_submodule(site.gate), site.shape) for site in first_of_group.values()
    }
    times = time_gates(gates, setup)
    timed = []
    for site in sites:
        first = first_of_group.get(site.group_key)
        if first is not None:
            inference, training = times[first.gate]
            site = replace(site, inference=inference, training=training)
        timed.append(site)
    return tuple(timed)
