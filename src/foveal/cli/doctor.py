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
    from foveal.study.environment import describe_environment
    from foveal.training import Numerics, count_cpu_cores, read_parallel_run_count, resolve_numerics

    numerics = resolve_numerics(Numerics())
    facts = (
        describe_environment()
        | numerics.model_dump()
        | _describe_kernels(numerics)
        | {"cache": str(get_cache_folder())}
    )
    facts["parallel_runs"] = (
        read_parallel_run_count(count_cpu_cores()) or "not measured yet: use --workers 0"
    )
    if json:
        print_json(facts)
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _format_value(value))
    stdout.print(table)


def _format_value(value: object) -> str:
    """Return a value as text; a mapping becomes one line of names and values."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {entry}" for name, entry in value.items())
    return str(value)


def _describe_kernels(numerics: Numerics) -> dict[str, Any]:
    """Return facts about the native kernels, and the times of a step that `auto` has measured."""
    from foveal.kernels import describe_library
    from foveal.training import read_step_seconds

    facts: dict[str, Any] = {**describe_library()}
    seconds = read_step_seconds(numerics.threads, numerics.dtype, numerics.memory_format)
    if seconds is not None:
        facts["step_milliseconds"] = {
            name: round(1000 * statistics.median(times), 1) for name, times in seconds.items()
        }
    return facts
