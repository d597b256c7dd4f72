"""Measure what networks cost, one or several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from foveal.cost.comparison import CostComparison
from foveal.cost.copying import copied
from foveal.cost.gates import outermost_gates, put
from foveal.cost.layers import layers_of
from foveal.cost.passes import AUTOCAST, META, Shape, run_passes
from foveal.cost.peak import peak_memory
from foveal.cost.report import Conditions, CostReport
from foveal.cost.sites import sites_of, timed
from foveal.cost.timing import time_models
from foveal.cost.totals import totals_of
from foveal.errors import UsageError, bad_parameter
from foveal.machine import processor

NONE = "none"


def measure_cost(
    model: nn.Module, input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostReport:  # fmt: skip
    """Measure what a network costs, and what the gates in it add.

    All is measured on copies: parameters, buffers, modes, hooks and generators stay as they are. Multiply-adds
    and element operations are those of a pass in eval mode, the kept bytes those of one in training mode
    (see `foveal.cost.operations` for what counts as what). The counting runs on the meta device where the
    network does, and costs next to nothing whatever the size; times are taken on `device`.

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
    models = {"model": model}
    names = outermost_gates(model)
    if names and names != [""]:
        plain = copied(model, device)
        for name in names:
            put(plain, name, nn.Identity())
        models[NONE] = plain
    compared = compare_costs(
        models, input_shape, batch_size=batch_size, device=device, precision=precision,
        latency=latency, compiled=compiled, channels_last=channels_last,
    )  # fmt: skip
    return replace(compared.reports["model"], model=type(model).__name__)


def compare_costs(
    models: Mapping[str, nn.Module], input_shape: Shape | Sequence[Shape], *, batch_size: int = 1,
    device: str = "cpu", precision: str = "fp32", latency: bool = True, compiled: bool = False,
    channels_last: bool = True,
) -> CostComparison:  # fmt: skip
    """Measure several networks side by side, against the one named `none` if there is one.

    The arguments are those of `measure_cost`.
    """
    shapes = checked(input_shape, batch_size, device, precision)
    sizes = {"batch_size": batch_size, "precision": precision}
    reports: dict[str, CostReport] = {}
    for name, model in models.items():
        found = run_passes(model, shapes, device=device, **sizes)  # type: ignore[arg-type]
        layers = layers_of(model, found)
        conditions = Conditions(
            tuple(map(tuple, shapes)), batch_size, device, name_of(device), torch.get_num_threads(),
            precision, "channels_last" if channels_last else "contiguous", found.counted_on,
            torch.__version__,
        )  # fmt: skip
        reports[name] = CostReport(
            name,
            conditions,
            totals_of(model, layers, found, shapes, batch_size),
            tuple(layers),
            tuple(sites_of(model, layers, found)),
        )
    if latency and device != META:
        timings = time_models(
            models, shapes, batch_sizes=sorted({1, batch_size}), device=device,
            precision=precision, channels_last=channels_last, compiled=compiled,
        )  # fmt: skip
        for name, model in models.items():
            peak = peak_memory(model, shapes, device=device, **sizes)  # type: ignore[arg-type]
            sites = timed(
                model, reports[name].sites, device=device, precision=precision,
                channels_last=channels_last,
            )  # fmt: skip
            reports[name] = replace(
                reports[name], timings=tuple(timings[name]), peak=peak, sites=tuple(sites)
            )
    plain = reports.get(NONE)
    if plain is not None:
        reports = {n: r if n == NONE else replace(r, plain=plain) for n, r in reports.items()}
    return CostComparison(reports)


def checked(
    input_shape: Shape | Sequence[Shape], batch_size: int, device: str, precision: str
) -> list[Shape]:
    """Return one shape an input; refuse what cannot be measured."""
    if not isinstance(batch_size, int) or batch_size < 1:
        raise bad_parameter("batch_size", "a whole number, at least 1", batch_size)
    if precision not in AUTOCAST:
        raise bad_parameter("precision", "one of " + ", ".join(map(repr, AUTOCAST)), precision)
    shapes = list(input_shape)
    one = all(isinstance(side, int) for side in shapes)
    inputs: list[Shape] = [shapes] if one else shapes  # type: ignore[list-item, assignment]
    if not shapes or any(side < 1 for shape in inputs for side in shape):
        raise bad_parameter("input_shape", "a shape without the batch, as (3, 32, 32)", input_shape)
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise bad_parameter("device", "a device of this machine", device)
    if device == META and precision != "fp32":
        raise UsageError("The meta device counts in fp32: autocast knows of real devices only.")
    return inputs


def name_of(device: str) -> str:
    """Return the name of the hardware."""
    kind = torch.device(device).type
    return torch.cuda.get_device_name(device) if kind == "cuda" else processor()
