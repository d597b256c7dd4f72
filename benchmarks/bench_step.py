"""Training step with attention: foveal with and without its kernels, timm and the reference code.

All times are compared with the same step in plain PyTorch without attention. Each instruction set has its own
process, and the processes take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
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
from instruction_sets import add_isa_option, start_processes
from interleaved_timing import (
    Times,
    median_ratios,
    quartiles,
    time_once,
    timing_table,
)
from result_files import replace_rows

VARIANTS = ("none", "channel", "spatial", "bam", "cbam")
REFERENCES = {"cbam": ("timm/cbam", "reference-cbam"), "bam": ("reference-bam",)}
PLAIN_BASELINE = "none plain"  # the network without attention, in plain operations
KEY = ("model", "dtype", "instruction_set")  # of a row; a new measurement replaces the row
MODELS = {"convnet": 256, "resnet18": 64}  # with batch sizes


def make_step(
    model_name: str, attention: str, numerics: Numerics, choice: str
) -> Callable[[], None]:
    """Return a function that runs one training step on images of 32 px, with a choice of kernels."""
    layout, batch_size = get_memory_format(numerics), MODELS[model_name]
    model = build_model(model_name, attention=attention).train().to(numerics.device)
    model.to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
    images = torch.randn(batch_size, 3, 32, 32, device=numerics.device)
    images = images.contiguous(memory_format=layout)
    labels = torch.randint(10, (batch_size,), device=numerics.device)

    def step() -> None:
        with kernels.use(choice):
            with autocast_context(numerics, model):
                logits = model(images).float()
            nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


@lru_cache(maxsize=1)  # the networks of one setting at a time
def make_steps(model_name: str, numerics: Numerics) -> dict[str, Callable[[], None]]:
    """Return the steps of all arms by name; a variant without more in its name uses `auto`."""
    references = [name for names in REFERENCES.values() for name in names]
    if not reference_modules.has_timm():
        references = [name for name in references if not name.startswith("timm/")]
    arms = {variant: (variant, "auto") for variant in VARIANTS}
    arms |= {f"{variant} plain": (variant, "plain") for variant in VARIANTS}
    arms |= {name: (name, "plain") for name in references}
    return {
        name: make_step(model_name, attention, numerics, choice)
        for name, (attention, choice) in arms.items()
    }


def measure_round(model_name: str, numerics: Numerics) -> dict[str, float]:
    """Return the milliseconds of one step of each arm."""
    keep_freed_memory()
    with numerics_context(numerics):
        return time_once(make_steps(model_name, numerics), device=numerics.device)


def added_time_ratios(times: Times) -> dict[str, float]:
    """Return the time that each variant adds to `none`, over the time its reference adds to plain `none`."""
    ms = {name: float(np.median(values)) for name, values in times.items()}
    return {
        f"{variant} / {reference}": round(
            (ms[variant] - ms["none"]) / (ms[reference] - ms[PLAIN_BASELINE]), 3
        )
        for variant, references in REFERENCES.items()
        for reference in references
        if reference in times
    }


def auto_over_plain(times: Times) -> dict[str, float]:
    """Return the median of each variant with `auto` kernels divided by that with plain operations."""
    return {variant: median_ratios(times, f"{variant} plain")[variant] for variant in VARIANTS}


def has_bfloat16_units(isa: str) -> bool:
    """Return True if bfloat16 can be fast; on AVX2 oneDNN emulates it, and foveal takes float32."""
    return isa != "v3"


def main() -> None:
    """Print a table per network, dtype and instruction set, and replace its rows in the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    add_isa_option(parser)
    options = parser.parse_args()
    with start_processes(options) as processes:
        for model in options.models.split(","):
            for dtype in options.dtypes.split(","):
                numerics = resolve_numerics(
                    Numerics(device=options.device, dtype=dtype, kernels="plain")
                )
                times: dict[str, Times] = {
                    isa: {} for isa in processes if dtype == "float32" or has_bfloat16_units(isa)
                }
                for turn in range(options.rounds + 1):
                    for isa, own_times in times.items():
                        measured = processes[isa].submit(measure_round, model, numerics).result()
                        for name, milliseconds in measured.items() if turn else ():
                            own_times.setdefault(name, []).append(milliseconds)
                rows = [
                    summarize(model, numerics, isa, own_times) for isa, own_times in times.items()
                ]
                replace_rows("step", rows, KEY, device=options.device)


def summarize(model: str, numerics: Numerics, isa: str, times: Times) -> dict[str, Any]:
    """Print the table of one network, dtype and instruction set, and return its row of the results."""
    title = f"{model}, batch {MODELS[model]}, {numerics.dtype}, {isa}, {numerics.threads} threads"
    Console().print(timing_table(title, times, PLAIN_BASELINE))
    row = {
        "ratio_to_plain_none": median_ratios(times, PLAIN_BASELINE),
        "ratio_to_none": median_ratios(times, "none"),
        "auto_over_plain": auto_over_plain(times),
        "added_time_ratio": added_time_ratios(times),
    }
    for name in ("ratio_to_none", "auto_over_plain", "added_time_ratio"):
        Console().print(name, row[name])
    conditions = {"model": model, "batch_size": MODELS[model], "instruction_set": isa}
    conditions["rounds"] = len(times[PLAIN_BASELINE])
    conditions |= numerics.model_dump(exclude={"kernels"})
    quartiles_ms = {name: quartiles(values) for name, values in times.items()}
    return conditions | {"quartiles_ms": quartiles_ms} | row


if __name__ == "__main__":
    main()
