"""`foveal report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import out, print_json
from foveal.errors import UsageError


def report(
    folder: Path | None = None,
    /,
    *,
    compare: Annotated[tuple[Path, Path] | None, Parameter(negative="")] = None,
    out_folder: Annotated[Path | None, Parameter(name="--out")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Make the report of a study or a run, from its records alone, or put two studies side by side.

    Written are one HTML page, the same in Markdown, the tables as CSV and LaTeX, the figures as SVG and
    PNG.

    Parameters
    ----------
    folder
        The folder of the study or the run.
    compare
        Two studies to be put side by side, instead.
    out_folder
        Where the comparison is written; by default compare-SECOND/ in the first study.
    json
        Print one JSON object on stdout.
    """
    from foveal.report import compare as side_by_side
    from foveal.report import report as make

    if folder is not None and compare is None:
        if out_folder is not None:
            raise UsageError(
                "A report stands in the folder of its study: --out goes with --compare."
            )
        made = make(folder)
    elif folder is None and compare is not None:
        made = side_by_side(*compare, out=out_folder)
    else:
        raise UsageError("Name one folder of a study or a run, or two studies after --compare.")
    where = made.page.parent
    if json:
        print_json({"report": str(made.page), "folder": str(where)})
        return
    for name, path in (
        ("report", made.page),
        ("text", where / "report.md"),
        ("tables", where / "tables"),
        ("figures", where / "figures"),
    ):
        out.print(f"{name:<8}{path}", soft_wrap=True, markup=False)
