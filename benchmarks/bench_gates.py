"""Forward and backward pass of a series gate: ours, ours plain, timm's and the reference's, over the floor.

The floor is the bytes that cannot be saved over the measured bandwidth of a copy. Forward the map is read
three times (for the pools over positions, for those over channels, and to be weighed: each needs the one
before it of the whole map or, for the batch norm, of the whole batch) and written once; backward map and
gradient are read twice together and the gradient once more, and the gradient of the map is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

import rivals
from foveal.attention import create
from foveal.kernels import native_kernels
from results import keep
from side_by_side import interleaved, keep_pages, quartiles, ratios, times_table

SHAPES = (
    (256, 32, 32, 32), (256, 64, 16, 16), (256, 128, 8, 8),  # ConvNet, 32 px
    (16, 256, 56, 56), (16, 512, 28, 28), (16, 1024, 14, 14), (16, 2048, 7, 7),  # ResNet-50, 224 px
)  # fmt: skip
READS, WRITES = 3 + 5, 1 + 1


def passer(gate: nn.Module, x: Tensor, g: Tensor, *, fast: bool) -> Callable[[], None]:
    """Return a function that passes a map through a gate and a gradient back."""
    gate.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = list(gate.parameters())

    def run() -> None:
        with (
            native_kernels(fast),
            torch.autocast("cpu", torch.bfloat16, enabled=x.dtype == torch.bfloat16),
        ):
            out = gate(x)
        torch.autograd.grad(out, [x, *parameters], g)

    return run


def measured(
    shape: tuple[int, ...], dtype: torch.dtype, rounds: int, *, compiled: bool
) -> dict[str, Any]:
    """Print the table of one shape and return it."""
    x = torch.randn(shape).relu().to(dtype).contiguous(memory_format=torch.channels_last)
    g, spare = torch.randn_like(x), torch.empty_like(x)
    x.requires_grad_()
    names = {"ours": "series", "ours plain": "series", "reference": "reference-cbam"}
    if rivals.has_timm():
        names["timm"] = "timm/cbam"
    gates = {name: create(of, shape[1]) for name, of in names.items()}
    arms = {name: passer(gate, x, g, fast=name == "ours") for name, gate in gates.items()}
    if compiled:
        torch.compiler.reset()  # else later shapes are not compiled: torch gives up after eight
        for name in names.keys() - {"ours"}:
            module = torch.compile(create(names[name], shape[1]))
            arms[f"{name}, compiled"] = passer(module, x, g, fast=False)
    source = x.detach()
    arms["copy"] = lambda: spare.copy_(source)
    taken = interleaved(arms, rounds)
    floor = float(np.median(taken["copy"])) * (READS + WRITES) / 2
    title = f"{shape}, {str(dtype).removeprefix('torch.')}, floor {floor:.2f} ms"
    Console().print(times_table(title, taken, "ours"))
    return {
        "shape": shape,
        "dtype": str(dtype),
        "floor_ms": round(floor, 3),
        "ours_over_floor": round(float(np.median(taken["ours"])) / floor, 2),
        "quartiles_ms": {name: quartiles(times) for name, times in taken.items()},
        "of_ours": ratios(taken, "ours"),
    }


def main() -> None:
    """Print one table a shape and dtype, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--no-compile", action="store_true", help="leave torch.compile out; nothing is kept then"
    )
    options = parser.parse_args()
    keep_pages()
    rows = []
    for shape in SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            rows.append(measured(shape, dtype, options.rounds, compiled=not options.no_compile))
            if not options.no_compile:
                keep("gates", rows)


if __name__ == "__main__":
    main()
