"""The command `foveal doctor`."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag

if TYPE_CHECKING:
    from foveal.training import Numerics


def doctor(*, json: JsonFlag = False) -> None:
    """Show versions, hardware and the numerical settings of a run on this machine.

    Include the output in a bug report.
    """
    from foveal.cache_folder import get_cache_folder
    from foveal.kernels import describe_library
    from foveal.study.environment import describe_environment
    from foveal.training import Numerics, count_cpu_cores, read_parallel_run_count, resolve_numerics

    numerics = resolve_numerics(Numerics())
    parallel_runs = read_parallel_run_count(count_cpu_cores())
    environment = describe_environment()
    facts: dict[str, Any] = {
        **{name: v for name, v in environment.items() if name not in {"command", "date"}},
        **describe_library(),
        "cache": str(get_cache_folder()),
        **numerics.model_dump(),
        "step_milliseconds": _read_step_milliseconds(numerics),
        "parallel_runs": parallel_runs or "not measured yet: use --workers 0",
    }
    if json:
        print_json(facts)
        return
    facts["kernels"] = _format_kernels(numerics.kernels)
    facts["training_step"] = _format_step_times(facts.pop("step_milliseconds"))
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), str(value), end_section=name in {"pillow", "cache"})
    stdout.print(table)


def _read_step_milliseconds(numerics: Numerics) -> dict[str, float]:
    """Return the median times of a training step that `auto` has measured; empty if it has not."""
    from foveal.training import read_step_seconds

    seconds = read_step_seconds(numerics.threads, numerics.dtype, numerics.memory_format) or {}
    return {name: round(1000 * statistics.median(times), 1) for name, times in seconds.items()}


def _format_kernels(kernels: str) -> str:
    """Return which parts have native kernels.

    >>> _format_kernels("gate+pool"), _format_kernels("plain")
    ('native (gate, pool)', 'plain')
    """
    return kernels if kernels == "plain" else f"native ({kernels.replace('+', ', ')})"


def _format_step_times(milliseconds: dict[str, float]) -> str:
    """Return a line with the time of a step for plain operations, and for the native kernels of each part.

    >>> print(_format_step_times({"plain": 40.0, "gate": 30.0}))
    plain          40.0 ms
    native gate    30.0 ms  0.75 of plain
    """
    if not milliseconds:
        return "not measured"
    plain = milliseconds["plain"]
    lines = [f"plain       {plain:7.1f} ms"]
    lines += [
        f"native {part:<5}{value:7.1f} ms  {value / plain:.2f} of plain"
        for part, value in milliseconds.items()
        if part != "plain"
    ]
    return "\n".join(lines)
