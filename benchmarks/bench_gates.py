"""Forward and backward pass of a CBAM gate: foveal, plain operations, timm and the reference code.

Each time is also compared with a lower bound: the unavoidable memory traffic divided by the measured bandwidth
of a copy. The forward pass reads the map three times (for the pools over positions, for the pools over
channels, and to weight it; each step needs the previous step for the whole map or, for the batch norm, the
whole batch) and writes it once. The backward pass reads map and gradient twice together and the gradient
once more, and writes the gradient of the map.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

import reference_modules
from foveal import keep_freed_memory, kernels
from foveal.attention import create
from interleaved_timing import (
    median_ratios,
    quartiles,
    time_interleaved,
    timing_table,
)
from result_files import save_results

SHAPES = (
    (256, 32, 32, 32), (256, 64, 16, 16), (256, 128, 8, 8),  # ConvNet, 32 px
    (16, 256, 56, 56), (16, 512, 28, 28), (16, 1024, 14, 14), (16, 2048, 7, 7),  # ResNet-50, 224 px
)  # fmt: skip
MAP_READS, MAP_WRITES = 3 + 5, 1 + 1


def make_pass(gate: nn.Module, x: Tensor, g: Tensor, *, native: bool) -> Callable[[], None]:
    """Return a function that runs forward and backward pass of a gate for map `x` and gradient `g`."""
    gate.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(gate.parameters())

    def run() -> None:
        with (
            kernels.use("native" if native else "plain"),
            torch.autocast("cpu", torch.bfloat16, enabled=x.dtype == torch.bfloat16),
        ):
            out = gate(x)
        torch.autograd.grad(out, [x, *parameters], g)

    return run


def measure_shape(
    shape: tuple[int, ...], dtype: torch.dtype, rounds: int, *, compiled: bool
) -> dict[str, Any]:
    """Measure all arms for one shape, print their table and return the result row."""
    x = torch.randn(shape).relu().to(dtype).contiguous(memory_format=torch.channels_last)
    g, copy_target = torch.randn_like(x), torch.empty_like(x)
    x.requires_grad_()
    modules = {"foveal": "cbam", "foveal plain": "cbam", "reference": "reference-cbam"}
    if reference_modules.has_timm():
        modules["timm"] = "timm/cbam"
    gates = {name: create(module, shape[1]) for name, module in modules.items()}
    arms = {name: make_pass(gate, x, g, native=name == "foveal") for name, gate in gates.items()}
    if compiled:
        torch.compiler.reset()  # torch stops compiling after eight shapes otherwise
        for name in modules.keys() - {"foveal"}:
            module = torch.compile(create(modules[name], shape[1]))
            arms[f"{name}, compiled"] = make_pass(module, x, g, native=False)
    source = x.detach()
    arms["copy"] = lambda: copy_target.copy_(source)
    times = time_interleaved(arms, rounds)
    bound = float(np.median(times["copy"])) * (MAP_READS + MAP_WRITES) / 2
    title = f"{shape}, {str(dtype).removeprefix('torch.')}, lower bound {bound:.2f} ms"
    Console().print(timing_table(title, times, "foveal"))
    return {
        "shape": shape,
        "dtype": str(dtype),
        "lower_bound_ms": round(bound, 3),
        "foveal_over_bound": round(float(np.median(times["foveal"])) / bound, 2),
        "quartiles_ms": {name: quartiles(values) for name, values in times.items()},
        "ratio_to_foveal": median_ratios(times, "foveal"),
    }


def main() -> None:
    """Print a table per shape and dtype, and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--no-compile",
        action="store_true",
        help="leave out torch.compile; the results are not saved",
    )
    options = parser.parse_args()
    keep_freed_memory()
    rows = []
    for shape in SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            rows.append(
                measure_shape(shape, dtype, options.rounds, compiled=not options.no_compile)
            )
            if not options.no_compile:
                save_results("gates", rows)


if __name__ == "__main__":
    main()
