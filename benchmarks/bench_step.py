"""How much longer is a training step with attention? The ConvNet, each variant against `none`.

All arms take turns in one process, so what disturbs the machine disturbs them alike; what is printed are
medians with quartiles, and the ratio of medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from foveal.models import build_model
from foveal.training import Numerics, resolve
from foveal.training.numerics import precision, threads_of, torch_memory_format

VARIANTS = ("none", "channel", "spatial", "parallel", "series")


def stepper(variant: str, numerics: Numerics, batch_size: int) -> Callable[[], None]:
    """Return a function that takes one training step."""
    model = build_model("convnet", attention=variant).train()
    layout = torch_memory_format(numerics)
    model.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    images = torch.randn(batch_size, 3, 32, 32).contiguous(memory_format=layout)
    labels = torch.randint(10, (batch_size,))

    def step() -> None:
        with precision(numerics):
            logits = model(images).float()
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def measure(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each arm's steps, one a round, after a round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn:
                taken[name].append(1000 * (time.perf_counter() - start))
    return taken


def main() -> None:
    """Print one table a dtype."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args()
    for dtype in ("float32", "bfloat16"):
        numerics = resolve(Numerics.model_validate({"device": "cpu", "dtype": dtype}))
        with threads_of(numerics):
            steps = {name: stepper(name, numerics, options.batch_size) for name in VARIANTS}
            taken = measure(steps, options.rounds)
        title = f"{dtype}, {numerics.threads} threads, batch {options.batch_size}"
        table = Table("variant", "ms", "quartiles", "of none", title=title)
        base = float(np.median(taken["none"]))
        for name, times in taken.items():
            low, middle, high = np.percentile(times, [25, 50, 75])
            quartiles = f"{low:.1f} to {high:.1f}"
            table.add_row(name, f"{middle:.1f}", quartiles, f"{middle / base:.2f}")
        Console().print(table)


if __name__ == "__main__":
    main()
