"""The command `foveal doctor`."""

from __future__ import annotations

from rich.table import Table

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag


def doctor(*, json: JsonFlag = False) -> None:
    """Show versions, hardware and the numerical settings of a run on this machine.

    Include the output in a bug report.
    """
    from foveal.cache_folder import get_cache_folder
    from foveal.study.environment import describe_environment
    from foveal.training import Numerics, count_cpu_cores, read_parallel_run_count, resolve_numerics

    facts = (
        describe_environment()
        | resolve_numerics(Numerics()).model_dump()
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
        table.add_row(name, str(value))
    stdout.print(table)
