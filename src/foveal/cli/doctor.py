"""`foveal doctor`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from foveal.cli.console import out, print_json


def doctor(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show versions, machine and what a run here would compute with; put it into a bug report.

    Parameters
    ----------
    json
        Print one JSON object on stdout.
    """
    from foveal.cache_folder import get_cache_folder
    from foveal.study.environment import describe_environment
    from foveal.training import Numerics, resolve_numerics
    from foveal.training.hardware_probe import read_parallel_run_count
    from foveal.training.numerics import count_cpu_cores

    facts = (
        describe_environment()
        | resolve_numerics(Numerics()).model_dump()
        | {"cache": str(get_cache_folder())}
    )
    facts["runs_at_a_time"] = (
        read_parallel_run_count(count_cpu_cores()) or "not probed yet: --workers 0 does"
    )
    if json:
        print_json(facts)
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, str(value))
    out.print(table)
