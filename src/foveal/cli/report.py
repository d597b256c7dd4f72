"""`foveal report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import out, print_json


def report(folder: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Make the HTML report of a study or a run, from its records alone.

    Parameters
    ----------
    folder
        The folder of the study or the run.
    json
        Print one JSON object on stdout.
    """
    from foveal.report import report as make

    page = make(folder)
    if json:
        print_json({"report": str(page)})
    else:
        out.print(f"report  {page}", soft_wrap=True, markup=False)
