"""Forward and backward pass of a gate: foveal, plain operations, timm and the reference code.

Each time is also compared with a lower bound: the unavoidable memory traffic divided by the measured bandwidth
of a copy. A gate of one step reads the map once for its pools and once to weight it, and writes it. Backward
reads map and gradient together for the gradient of the weights, then the gradient once more, and writes the
gradient of the map. CBAM has two such steps, of which one writes, and each needs the step before it for the
whole map. BAM pools and projects in one read; backward reads the map once more for the projection's weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

import reference_modules
from foveal import keep_freed_memory, kernels
from foveal.attention import create
from foveal.kernels import get_instruction_set
from instruction_sets import add_isa_option, start_processes
from interleaved_timing import (
    Times,
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
COMPILED = ("cbam", SHAPES[0])  # compiling takes longer than measuring
MAP_ACCESSES = {"cbam": 3 + 5 + 2, "channel": 2 + 3 + 2, "spatial": 2 + 3 + 2, "bam": 2 + 4 + 2}
"""Unavoidable reads in forward and backward and writes of a map of that size, per gate."""


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
    shape: tuple[int, ...], dtype: torch.dtype, rounds: int, *, gate: str, compiled: bool
) -> tuple[dict[str, Any], Times]:
    """Measure all arms for a gate and a shape; return the result row and the times."""
    keep_freed_memory()
    x = torch.randn(shape).relu().to(dtype).contiguous(memory_format=torch.channels_last)
    g, copy_target = torch.randn_like(x), torch.empty_like(x)
    x.requires_grad_()
    modules = {"foveal": gate, "foveal plain": gate}
    modules["reference"] = f"reference-{gate}"
    if gate == "cbam" and reference_modules.has_timm():
        modules["timm"] = "timm/cbam"
    gates = {name: create(module, shape[1]) for name, module in modules.items()}
    arms = {name: make_pass(gate, x, g, native=name == "foveal") for name, gate in gates.items()}
    if compiled:
        torch.compiler.reset()  # torch stops compiling after eight shapes otherwise
        for name in modules.keys() - {"foveal"}:
            module: Any = torch.compile(create(modules[name], shape[1]))
            arms[f"{name}, compiled"] = make_pass(module, x, g, native=False)
    source = x.detach()

    def copy_map() -> None:
        copy_target.copy_(source)

    arms["copy"] = copy_map
    times = time_interleaved(arms, rounds)
    bound = float(np.median(times["copy"])) * MAP_ACCESSES[gate] / 2
    row = {
        "gate": gate,
        "shape": shape,
        "dtype": str(dtype).removeprefix("torch."),
        "instruction_set": get_instruction_set().name,
        "lower_bound_ms": round(bound, 3),
        "foveal_over_bound": round(float(np.median(times["foveal"])) / bound, 2),
        "quartiles_ms": {name: quartiles(values) for name, values in times.items()},
        "ratio_to_foveal": median_ratios(times, "foveal"),
    }
    return row, times


def list_cases(isa: str) -> Iterator[tuple[str, tuple[int, ...], torch.dtype]]:
    """Yield gate, shape and dtype of all measurements: CBAM on all shapes, the others on one."""
    dtypes = (torch.float32,) if isa == "v3" else (torch.float32, torch.bfloat16)
    for gate in MAP_ACCESSES:
        for shape in SHAPES if gate == "cbam" else SHAPES[:1]:
            for dtype in dtypes:
                yield gate, shape, dtype


def main() -> None:
    """Print a table per gate, shape and dtype, and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--no-compile",
        action="store_true",
        help="leave out torch.compile; the results are not saved",
    )
    add_isa_option(parser)
    options = parser.parse_args()
    has_all_sets = set(options.isa.split(",")) == set(parser.get_default("isa").split(","))
    is_complete = has_all_sets and not options.no_compile
    rows = []
    with start_processes(options) as processes:
        for isa, process in processes.items():
            for gate, shape, dtype in list_cases(isa):
                row, times = process.submit(
                    measure_shape, shape, dtype, options.rounds,
                    gate=gate, compiled=(gate, shape) == COMPILED and not options.no_compile,
                ).result()  # fmt: skip
                bound = row["lower_bound_ms"]
                title = f"{gate}, {shape}, {row['dtype']}, {isa}, lower bound {bound:.2f} ms"
                Console().print(timing_table(title, times, "foveal"))
                rows.append(row)
                if is_complete:
                    save_results("gates", rows)


if __name__ == "__main__":
    main()
