"""How much longer is a training step with attention? Ours, timm's and the reference's, against `none`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from torch import nn

import rivals
from foveal.kernels import native_kernels
from foveal.models import build_model
from foveal.training import Numerics, resolve_numerics
from foveal.training.numerics import autocast_context, get_memory_format, numerics_context
from results import keep
from side_by_side import Times, interleaved, keep_pages, quartiles, ratios, times_table

OURS = ("channel", "spatial", "parallel", "series")
RIVALS = {"series": ("timm/cbam", "reference-cbam"), "parallel": ("reference-bam",)}
PLAIN = "none plain"  # the network without gates as torch computes it
ROWS = (("convnet", 256), ("resnet18", 64))


def stepper(
    model_name: str, attention: str, numerics: Numerics, batch_size: int
) -> Callable[[], None]:
    """Return a function that takes one training step on images of 32 pixels."""
    layout = get_memory_format(numerics)
    model = build_model(model_name, attention=attention).train().to(numerics.device)
    model.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    images = torch.randn(batch_size, 3, 32, 32, device=numerics.device)
    images = images.contiguous(memory_format=layout)
    labels = torch.randint(10, (batch_size,), device=numerics.device)

    def step() -> None:
        with autocast_context(numerics):
            logits = model(images).float()
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def plainly(step: Callable[[], None]) -> Callable[[], None]:
    """Return the same step without any pass of ours."""

    def plain_step() -> None:
        with native_kernels(False):
            step()

    return plain_step


def added(taken: Times) -> dict[str, float]:
    """Return the time that ours adds to `none` over the time that each rival adds."""
    of_none = ratios(taken, "none")
    return {
        f"{ours} / {rival}": round((of_none[ours] - 1) / (of_none[rival] - 1), 3)
        for ours, rivals_ in RIVALS.items()
        for rival in rivals_
        if rival in taken
    }


def main() -> None:
    """Print one table a network and dtype, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--models", default=",".join(name for name, _ in ROWS))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    # A part of the question prints its answer and leaves what is kept alone.
    is_whole = all(
        getattr(options, part) == parser.get_default(part) for part in ("models", "dtypes")
    )
    keep_pages()
    others = [name for names in RIVALS.values() for name in names]
    if not rivals.has_timm():
        others = [name for name in others if not name.startswith("timm/")]
    rows: list[dict[str, Any]] = []
    for model, batch_size in ROWS:
        for dtype in options.dtypes.split(","):
            if model not in options.models.split(","):
                continue
            numerics = resolve_numerics(Numerics(device=options.device, dtype=dtype))
            names = ("none", *OURS, *others)
            with numerics_context(numerics):
                steps = {name: stepper(model, name, numerics, batch_size) for name in names}
                steps[PLAIN] = plainly(stepper(model, "none", numerics, batch_size))
                taken = interleaved(steps, options.rounds, device=options.device)
            about = {"model": model, "batch_size": batch_size, **numerics.model_dump()}
            kernels = f"{numerics.threads} threads, {numerics.kernels} kernels"
            title = f"{model}, batch {batch_size}, {dtype}, {kernels}"
            Console().print(times_table(title, taken, "none"))
            over_theirs = added(taken)
            Console().print("time added, ours over theirs:", over_theirs)
            rows.append(
                about
                | {"quartiles_ms": {name: quartiles(times) for name, times in taken.items()}}
                | {"of_none": ratios(taken, "none"), "added_over_theirs": over_theirs}
            )
            if is_whole:
                keep("step", rows, device=options.device)


if __name__ == "__main__":
    main()
