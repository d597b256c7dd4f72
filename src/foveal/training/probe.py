"""Find out once a machine whether bfloat16 pays."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from foveal.folders import cache_folder
from foveal.machine import processor
from foveal.records import written_aside

if TYPE_CHECKING:
    from torch import nn

WORTH_IT = 1.1  # below this ratio the gain is within the noise of the probe
ROUNDS = 5


def bfloat16_is_faster(device: str, threads: int) -> bool:
    """Say whether a training step in bfloat16 takes clearly less time than one in float32.

    Asked once for a machine, a version of torch and a number of threads, and remembered.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    machine = f"{processor()} {torch.__version__} {threads}"
    path = cache_folder() / f"probe-{hashlib.sha256(machine.encode()).hexdigest()[:12]}.json"
    try:
        return bool(json.loads(path.read_text())["bfloat16_is_faster"])
    except (OSError, ValueError, KeyError):
        ratio = step_time_ratio(threads)
    answer = {
        "machine": machine,
        "float32_over_bfloat16": ratio,
        "bfloat16_is_faster": ratio > WORTH_IT,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as aside:
        aside.write_text(json.dumps(answer, indent=2) + "\n")
    return ratio > WORTH_IT


def step_time_ratio(threads: int) -> float:
    """Return the time of a small float32 training step over that of a bfloat16 one, interleaved."""
    import torch
    from torch import nn

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            layers = [
                nn.Conv2d(3, 32, 3, padding=1),
                nn.BatchNorm2d(32),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            layers += [nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]
            model = nn.Sequential(*layers)
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            seconds: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(ROUNDS + 1):
                for low_precision, taken in seconds.items():
                    taken.append(step_time(model, low_precision))
    finally:
        torch.set_num_threads(before)
    # The first round warms up; the fastest of the others is least disturbed by other work.
    return min(seconds[False][1:]) / min(seconds[True][1:])


def step_time(model: nn.Module, low_precision: bool) -> float:
    """Return the seconds of one forward and backward pass."""
    import torch

    images = torch.zeros(128, 3, 32, 32).to(memory_format=torch.channels_last)
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low_precision):
        loss = model(images).float().mean()
    loss.backward()
    return time.perf_counter() - start
