"""Timing probe of the native kernels: which parts make a training step faster on this machine, cached."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from foveal.training.hardware_probe import read_measurement, write_measurement

PLAIN = "plain"
_ROUNDS = 21
_MIN_WINS = 15  # of the rounds: by chance, one part in 25 would win as often
_MAX_RATIO = 0.99  # a smaller gain is not worth another set of kernels
_MAX_SPREAD = 1.25  # of the middle half of the rounds; more comes from other load
_ATTEMPTS = 2
_BATCH_SIZE = 32
_MEASUREMENT = "step_seconds"

StepSeconds = Mapping[str, Sequence[float]]
"""Seconds of a training step per round, with plain operations and with the native kernels of each part."""


def find_faster_parts(threads: int, dtype: str, memory_format: str) -> frozenset[str]:
    """Return the parts whose native kernels make a training step faster by more than noise.

    The step is that of a ConvNet with CBAM. Measured once per machine, instruction set, PyTorch version and
    settings, then cached. Times that other programs disturb are not kept; if a second measurement is disturbed
    too, the parts are those of `get_default_kernels`.
    """
    from foveal.kernels import get_default_kernels, parse_parts

    seconds = read_step_seconds(threads, dtype, memory_format)
    if seconds is not None:
        return choose_parts(seconds)
    for _ in range(_ATTEMPTS):
        seconds = _measure_step_seconds(threads, dtype, memory_format)
        if is_steady(seconds):
            write_step_seconds(seconds, threads, dtype, memory_format)
            return choose_parts(seconds)
    return parse_parts(get_default_kernels())


def read_step_seconds(threads: int, dtype: str, memory_format: str) -> StepSeconds | None:
    """Return the cached times of `find_faster_parts`, or None if the cache has no readable times."""
    from foveal.kernels import PARTS

    seconds = read_measurement(_get_probe_name(threads, dtype, memory_format), _MEASUREMENT)
    is_readable = (
        isinstance(seconds, dict)
        and seconds.keys() == {PLAIN, *PARTS}
        and all(isinstance(times, list) and len(times) == _ROUNDS for times in seconds.values())
    )
    return seconds if is_readable else None


def write_step_seconds(seconds: StepSeconds, threads: int, dtype: str, memory_format: str) -> None:
    """Write the times that `read_step_seconds` reads to the cache folder."""
    write_measurement(_get_probe_name(threads, dtype, memory_format), _MEASUREMENT, seconds)


def choose_parts(seconds: StepSeconds) -> frozenset[str]:
    """Return the parts whose steps are faster than plain ones in most rounds and in the median.

    >>> seconds = {"plain": [1.0] * 21, "gate": [0.8] * 21, "norm": [1.2] * 21, "pool": [0.999] * 21}
    >>> sorted(choose_parts(seconds))
    ['gate']
    """
    faster = set()
    for part in seconds.keys() - {PLAIN}:
        ratios = [own / plain for own, plain in zip(seconds[part], seconds[PLAIN], strict=True)]
        wins = sum(ratio < 1 for ratio in ratios)
        if wins >= _MIN_WINS and statistics.median(ratios) <= _MAX_RATIO:
            faster.add(part)
    return frozenset(faster)


def is_steady(seconds: StepSeconds) -> bool:
    """Return True if the middle half of the plain steps differ by little.

    >>> is_steady({"plain": [1.0, 1.1, 1.1, 1.2]}), is_steady({"plain": [1.0, 1.1, 2.0, 2.2]})
    (True, False)
    """
    low, _, high = statistics.quantiles(seconds[PLAIN], n=4)
    return high <= _MAX_SPREAD * low


def _get_probe_name(threads: int, dtype: str, memory_format: str) -> str:
    """Return the name of the probe, with all that its result depends on besides machine and PyTorch."""
    from foveal.kernels import get_instruction_set

    return f"kernels {get_instruction_set().name} {threads} {dtype} {memory_format}"


def _measure_step_seconds(threads: int, dtype: str, memory_format: str) -> dict[str, list[float]]:
    """Return the seconds of a training step per round, interleaved, without and with each part's kernels."""
    import torch

    from foveal import kernels

    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            run_step = _make_step(dtype, memory_format)
            seconds: dict[str, list[float]] = {name: [] for name in (PLAIN, *kernels.PARTS)}
            for _ in range(_ROUNDS + 1):
                for name, times in seconds.items():
                    with kernels.use(name):
                        start = time.perf_counter()
                        run_step()
                        times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads_before)
    return {name: times[1:] for name, times in seconds.items()}  # the first round warms up


def _make_step(dtype: str, memory_format: str) -> Callable[[], None]:
    """Return a function that runs forward and backward of a ConvNet with CBAM on images of 32 px."""
    import torch

    from foveal.models import build_model

    layout = torch.channels_last if memory_format == "channels_last" else torch.contiguous_format
    model = build_model("convnet", attention="cbam").train()
    model.to(memory_format=layout)  # type: ignore[call-overload]
    images = torch.zeros(_BATCH_SIZE, 3, 32, 32).to(memory_format=layout)

    def run_step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = model(images).float().mean()
        loss.backward()

    return run_step
