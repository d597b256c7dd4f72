"""Hardware timing probes (bfloat16, parallel runs), cached per machine in the cache folder."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.allocator import keep_freed_memory
from foveal.atomic import atomic_write
from foveal.cache_folder import get_cache_folder
from foveal.machine import get_processor_name

if TYPE_CHECKING:
    from torch import nn

_MIN_SPEEDUP = 1.1  # a smaller speedup is within the noise of the probe
DTYPE_ROUNDS = 5
PARALLEL_ROUNDS = 3
MEASUREMENT_SECONDS = 2.0  # of each throughput measurement
BFLOAT16_PROBE = "bfloat16_speedup"
PARALLEL_PROBE = "parallel_speedup"


def is_bfloat16_faster(device: str, threads: int) -> bool:
    """Return True if a training step in bfloat16 takes clearly less time than one in float32.

    Measured once per machine, PyTorch version and number of threads, then cached.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    speedup = read_or_measure_ratio(
        f"{threads}", BFLOAT16_PROBE, _measure_bfloat16_speedup, threads
    )
    return speedup > _MIN_SPEEDUP


def find_parallel_run_count(threads: int) -> int:
    """Return the number of parallel runs with the best total throughput on `threads` CPU threads.

    The choice is between one run on all threads and `threads` runs of one thread each. Measured once
    per machine, PyTorch version and number of threads, then cached.
    """
    if threads == 1:
        return 1
    speedup = read_or_measure_ratio(
        f"{threads} runs", PARALLEL_PROBE, measure_parallel_speedup, threads
    )
    return threads if speedup > _MIN_SPEEDUP else 1


def read_parallel_run_count(threads: int) -> int | None:
    """Return the cached result of `find_parallel_run_count`, or None if it was not measured yet."""
    if threads > 1 and read_cached_ratio(f"{threads} runs", PARALLEL_PROBE) is None:
        return None
    return find_parallel_run_count(threads)


def read_or_measure_ratio(
    probe: str, name: str, measure: Callable[[int], float], threads: int
) -> float:
    """Return the cached ratio of a probe; if there is none, measure it and cache it."""
    cached_ratio = read_cached_ratio(probe, name)
    if cached_ratio is not None:
        return cached_ratio
    ratio = measure(threads)
    write_measurement(probe, name, ratio)
    return ratio


def read_cached_ratio(probe: str, name: str) -> float | None:
    """Return the cached ratio of a probe, or None if the cache has no readable value."""
    try:
        return float(read_measurement(probe, name))
    except (TypeError, ValueError):
        return None


def write_measurement(probe: str, name: str, value: object) -> None:
    """Write a value that a probe has measured to the cache folder, under its name.

    If the folder cannot be written, the next process measures again.
    """
    path = get_cache_path(probe)
    content = {"machine": _describe_probe(probe), name: value}
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")


def read_measurement(probe: str, name: str) -> Any:
    """Return the cached value of a probe, or None if the cache has no readable value."""
    try:
        return json.loads(get_cache_path(probe).read_text())[name]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _describe_probe(probe: str) -> str:
    """Return the probe's name with the processor and PyTorch version: all that its result depends on."""
    import torch

    return f"{get_processor_name()} {torch.__version__} {probe}"


def get_cache_path(probe: str) -> Path:
    """Return the path of the file that caches the probe's result."""
    digest = hashlib.sha256(_describe_probe(probe).encode()).hexdigest()[:12]
    return get_cache_folder() / f"probe-{digest}.json"


def _measure_bfloat16_speedup(threads: int) -> float:
    """Return the time of a small float32 training step divided by that of a bfloat16 step, interleaved."""
    import torch

    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            model = _make_probe_network()
            float32_times, bfloat16_times = list[float](), list[float]()
            for _ in range(DTYPE_ROUNDS + 1):
                float32_times.append(_measure_step_seconds(model, bfloat16=False))
                bfloat16_times.append(_measure_step_seconds(model, bfloat16=True))
    finally:
        torch.set_num_threads(threads_before)
    # The first round warms up; the minimum of the others is least disturbed by other processes.
    return min(float32_times[1:]) / min(bfloat16_times[1:])


def measure_parallel_speedup(threads: int) -> float:
    """Return the total throughput of `threads` one-thread runs divided by that of one run on all threads."""
    bfloat16 = is_bfloat16_faster("cpu", 1)
    spawn = multiprocessing.get_context("spawn")
    parallel_rates, single_rates = list[float](), list[float]()
    with ProcessPoolExecutor(threads, mp_context=spawn, initializer=keep_freed_memory) as pool:
        for _ in range(PARALLEL_ROUNDS + 1):
            runs = [
                pool.submit(_measure_steps_per_second, 1, bfloat16, MEASUREMENT_SECONDS)
                for _ in range(threads)
            ]
            parallel_rates.append(sum(run.result() for run in runs))
            run = pool.submit(_measure_steps_per_second, threads, bfloat16, MEASUREMENT_SECONDS)
            single_rates.append(run.result())
    return max(parallel_rates[1:]) / max(single_rates[1:])


def _measure_steps_per_second(threads: int, bfloat16: bool, seconds: float) -> float:
    """Return the rate of small training steps in this process, measured for `seconds`."""
    import torch

    torch.set_num_threads(threads)
    model, steps, start = _make_probe_network(), 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        _measure_step_seconds(model, bfloat16=bfloat16)
        steps += 1
    return steps / elapsed


def _make_probe_network() -> nn.Module:
    """Return a network of two convolutional blocks in channels_last memory format."""
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
    )  # fmt: skip
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _measure_step_seconds(model: nn.Module, *, bfloat16: bool) -> float:
    """Return the seconds of one forward and backward pass."""
    import torch

    images = torch.zeros(128, 3, 32, 32).to(memory_format=torch.channels_last)
    start = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        loss = model(images).float().mean()
    loss.backward()
    return time.perf_counter() - start
