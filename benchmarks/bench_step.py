"""Training step with attention relative to `none`: foveal, timm and the reference code."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from torch import nn

import reference_modules
from foveal import keep_freed_memory, kernels
from foveal.models import build_model
from foveal.training import (
    Numerics,
    autocast_context,
    get_memory_format,
    numerics_context,
    resolve_numerics,
)
from interleaved_timing import (
    Times,
    median_ratios,
    quartiles,
    time_interleaved,
    timing_table,
)
from result_files import save_results

VARIANTS = ("none", "channel", "spatial", "bam", "cbam")
REFERENCES = {"cbam": ("timm/cbam", "reference-cbam"), "bam": ("reference-bam",)}
PLAIN_BASELINE = "none plain"  # the network without attention, in plain operations
MODELS = (("convnet", 256), ("resnet18", 64))  # with batch sizes


def make_step(
    model_name: str, attention: str, numerics: Numerics, batch_size: int
) -> Callable[[], None]:
    """Return a function that runs one training step on images of 32 px."""
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


def with_plain_operations(step: Callable[[], None]) -> Callable[[], None]:
    """Return the same step without native kernels."""

    def plain_step() -> None:
        with kernels.use("plain"):
            step()

    return plain_step


def added_time_ratios(times: Times) -> dict[str, float]:
    """Return the time that each variant adds to `none`, divided by the time its reference adds."""
    ratio = median_ratios(times, "none")
    return {
        f"{variant} / {reference}": round((ratio[variant] - 1) / (ratio[reference] - 1), 3)
        for variant, references in REFERENCES.items()
        for reference in references
        if reference in times
    }


def main() -> None:
    """Print a table per network and dtype, and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--models", default=",".join(name for name, _ in MODELS))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    # Only complete measurements are saved.
    is_complete = all(
        getattr(options, name) == parser.get_default(name) for name in ("models", "dtypes")
    )
    keep_freed_memory()
    references = [name for names in REFERENCES.values() for name in names]
    if not reference_modules.has_timm():
        references = [name for name in references if not name.startswith("timm/")]
    rows: list[dict[str, Any]] = []
    for model, batch_size in MODELS:
        for dtype in options.dtypes.split(","):
            if model not in options.models.split(","):
                continue
            numerics = resolve_numerics(Numerics(device=options.device, dtype=dtype))
            names = (*VARIANTS, *references)
            with numerics_context(numerics):
                steps = {name: make_step(model, name, numerics, batch_size) for name in names}
                steps[PLAIN_BASELINE] = with_plain_operations(
                    make_step(model, "none", numerics, batch_size)
                )
                times = time_interleaved(steps, options.rounds, device=options.device)
            conditions = {"model": model, "batch_size": batch_size, **numerics.model_dump()}
            kernels = f"{numerics.threads} threads, {numerics.kernels} kernels"
            title = f"{model}, batch {batch_size}, {dtype}, {kernels}"
            Console().print(timing_table(title, times, "none"))
            added = added_time_ratios(times)
            Console().print("added time relative to the reference:", added)
            rows.append(
                conditions
                | {"quartiles_ms": {name: quartiles(values) for name, values in times.items()}}
                | {"ratio_to_none": median_ratios(times, "none"), "added_time_ratio": added}
            )
            if is_complete:
                save_results("step", rows, device=options.device)


if __name__ == "__main__":
    main()
