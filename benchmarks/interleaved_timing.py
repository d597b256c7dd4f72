"""Interleaved timing of several arms in one process, so that machine noise affects all arms equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from rich.table import Table

Arms = Mapping[str, Callable[[], object]]
Times = dict[str, list[float]]
"""Milliseconds per round, by the name of the arm."""


def time_interleaved(arms: Arms, rounds: int, *, device: str = "cpu") -> Times:
    """Return the times of each arm over `rounds`, measured after one warm-up round."""
    time_once(arms, device=device)
    measured = [time_once(arms, device=device) for _ in range(rounds)]
    return {name: [times[name] for times in measured] for name in arms}


def time_once(arms: Arms, *, device: str = "cpu") -> dict[str, float]:
    """Return the milliseconds of each arm, run once."""
    times: dict[str, float] = {}
    for name, arm in arms.items():
        start = read_clock(device)
        arm()
        times[name] = 1000 * (read_clock(device) - start)
    return times


def read_clock(device: str) -> float:
    """Return the time in seconds, after all queued work of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def quartiles(values: list[float]) -> list[float]:
    """Return lower quartile, median and upper quartile, rounded to three decimals."""
    return [round(float(q), 3) for q in np.percentile(values, [25, 50, 75])]


def median_ratios(times: Times, base: str) -> dict[str, float]:
    """Return the median of each arm divided by the median of `base`."""
    base_median = float(np.median(times[base]))
    return {
        name: round(float(np.median(values)) / base_median, 3) for name, values in times.items()
    }


def timing_table(title: str, times: Times, base: str) -> Table:
    """Return a table of medians, quartiles and ratios to `base`."""
    table = Table("", "ms", "quartiles", f"ratio to {base}", title=title, title_justify="left")
    for name, ratio in median_ratios(times, base).items():
        low, median, high = quartiles(times[name])
        table.add_row(name, f"{median:.2f}", f"{low:.2f} to {high:.2f}", f"{ratio:.2f}")
    return table
