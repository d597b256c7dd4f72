"""Arms that take turns in one process, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from rich.table import Table

from foveal.cli.allocator import SETTINGS

Arms = Mapping[str, Callable[[], object]]
Times = dict[str, list[float]]  # milliseconds, one a round


def keep_pages() -> None:
    """Start this script again with the settings of memory that `foveal train` starts itself with."""
    if sys.platform.startswith("linux") and not SETTINGS.keys() & os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | SETTINGS)


def interleaved(arms: Arms, rounds: int, *, device: str = "cpu") -> Times:
    """Return how long each arm takes, after a round to warm up."""
    taken: Times = {name: [] for name in arms}
    for turn in range(rounds + 1):
        for name, arm in arms.items():
            start = now(device)
            arm()
            if turn:
                taken[name].append(1000 * (now(device) - start))
    return taken


def now(device: str) -> float:
    """Return the seconds of a clock once all that was asked of the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def quartiles(times: list[float]) -> list[float]:
    """Return the quartiles and the median between them, rounded for a file."""
    return [round(float(q), 3) for q in np.percentile(times, [25, 50, 75])]


def ratios(taken: Times, base: str) -> dict[str, float]:
    """Return the ratio of each median to that of `base`."""
    one = float(np.median(taken[base]))
    return {name: round(float(np.median(times)) / one, 3) for name, times in taken.items()}


def times_table(title: str, taken: Times, base: str) -> Table:
    """Return medians with quartiles, and ratios to `base`."""
    table = Table("", "ms", "quartiles", f"of {base}", title=title, title_justify="left")
    for name, ratio in ratios(taken, base).items():
        low, middle, high = quartiles(taken[name])
        table.add_row(name, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{ratio:.2f}")
    return table
