"""What is found out by a clock, once a machine, and remembered in the cache folder."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.cache_folder import get_cache_folder
from foveal.machine import get_processor_name
from foveal.records import atomic_write

if TYPE_CHECKING:
    from torch import nn

WORTH_IT = 1.1  # below this ratio the gain is within the noise of the probe
ROUNDS = 5
SECONDS = 2.0  # for which runs side by side are watched, each round
FEW_ROUNDS = 3
SIDE_BY_SIDE = "side_by_side_over_one"


def bfloat16_is_faster(device: str, threads: int) -> bool:
    """Say whether a training step in bfloat16 takes clearly less time than one in float32.

    Asked once for a machine, a version of torch and a number of threads, and remembered.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    return remembered(f"{threads}", "float32_over_bfloat16", step_time_ratio, threads) > WORTH_IT


def runs_at_a_time(threads: int) -> int:
    """Return how many runs side by side do most on a CPU: one on all its threads, or one a thread.

    Asked once for a machine, a version of torch and a number of threads, and remembered.
    """
    if threads == 1:
        return 1
    ratio = remembered(f"{threads} runs", SIDE_BY_SIDE, side_by_side_ratio, threads)
    return threads if ratio > WORTH_IT else 1


def known_runs_at_a_time(threads: int) -> int | None:
    """Return the same where it was asked before, else None."""
    if threads > 1 and answered(f"{threads} runs", SIDE_BY_SIDE) is None:
        return None
    return runs_at_a_time(threads)


def remembered(question: str, name: str, measure: Callable[[int], float], threads: int) -> float:
    """Return a ratio that was measured on this machine with this torch, or measure it now."""
    known = answered(question, name)
    if known is not None:
        return known
    ratio, path = measure(threads), answer_to(question)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as aside:
        aside.write_text(json.dumps({"machine": asked(question), name: ratio}, indent=2) + "\n")
    return ratio


def answered(question: str, name: str) -> float | None:
    """Return a ratio that was measured before, None if none was."""
    try:
        return float(json.loads(answer_to(question).read_text())[name])
    except (OSError, ValueError, KeyError):
        return None


def asked(question: str) -> str:
    """Return a question with all that its answer hangs on."""
    import torch

    return f"{get_processor_name()} {torch.__version__} {question}"


def answer_to(question: str) -> Path:
    """Return where the answer is remembered."""
    digest = hashlib.sha256(asked(question).encode()).hexdigest()[:12]
    return get_cache_folder() / f"probe-{digest}.json"


def step_time_ratio(threads: int) -> float:
    """Return the time of a small float32 training step over that of a bfloat16 one, interleaved."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            model = small_network()
            seconds: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(ROUNDS + 1):
                for low_precision, taken in seconds.items():
                    taken.append(step_time(model, low_precision))
    finally:
        torch.set_num_threads(before)
    # The first round warms up; the fastest of the others is least disturbed by other work.
    return min(seconds[False][1:]) / min(seconds[True][1:])


def side_by_side_ratio(threads: int) -> float:
    """Return how many steps a second runs of one thread each do together, over one run on all threads."""
    low_precision = bfloat16_is_faster("cpu", 1)
    spawn = multiprocessing.get_context("spawn")
    together, alone = list[float](), list[float]()
    with ProcessPoolExecutor(threads, mp_context=spawn) as pool:
        for _ in range(FEW_ROUNDS + 1):
            shares = [pool.submit(steps_a_second, 1, low_precision) for _ in range(threads)]
            together.append(sum(share.result() for share in shares))
            alone.append(pool.submit(steps_a_second, threads, low_precision).result())
    return max(together[1:]) / max(alone[1:])


def steps_a_second(threads: int, low_precision: bool) -> float:
    """Return how many small training steps this process does a second."""
    import torch

    torch.set_num_threads(threads)
    model, count, start = small_network(), 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS:
        step_time(model, low_precision)
        count += 1
    return count / passed


def small_network() -> nn.Module:
    """Return two convolutional blocks, channels last."""
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
    )  # fmt: skip
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def step_time(model: nn.Module, low_precision: bool) -> float:
    """Return the seconds of one forward and backward pass."""
    import torch

    images = torch.zeros(128, 3, 32, 32).to(memory_format=torch.channels_last)
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low_precision):
        loss = model(images).float().mean()
    loss.backward()
    return time.perf_counter() - start
