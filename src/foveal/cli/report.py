"""The command `foveal report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import print_json, stdout
from foveal.cli.options import JsonFlag
from foveal.errors import UsageError


def report(
    folder: Path | None = None,
    /,
    *,
    compare: Annotated[tuple[Path, Path] | None, Parameter(negative="")] = None,
    out_folder: Annotated[Path | None, Parameter(name="--out")] = None,
    json: JsonFlag = False,
) -> None:
    """Write the report of a study or a run.

    The report needs only the stored records. It is one HTML page, the same text in Markdown, the tables as
    CSV and LaTeX, and the figures as SVG.

    Parameters
    ----------
    folder
        The folder of a study or a run.
    compare
        Write a report that compares two studies instead.
    out_folder
        Folder of the comparison; by default compare-SECOND/ in the first study.
    """
    from foveal.report import write_comparison, write_report

    if folder is not None and compare is None:
        if out_folder is not None:
            raise UsageError(
                "The report of a study is written into its folder. Use --out with --compare only."
            )
        written = write_report(folder)
    elif folder is None and compare is not None:
        written = write_comparison(*compare, out=out_folder)
    else:
        raise UsageError("Name one folder of a study or a run, or two studies after --compare.")
    report_folder = written.page.parent
    if json:
        from foveal.cli.report_schema import make_report_output
        from foveal.records import read_study, schema

        is_study = folder is not None and (folder / schema.STUDY_FILE).is_file()
        study = read_study(folder) if folder is not None and is_study else None
        print_json(make_report_output(written.page, study))
        return
    for name, path in (
        ("report", written.page),
        ("text", report_folder / "report.md"),
        ("tables", report_folder / "tables"),
        ("figures", report_folder / "figures"),
    ):
        stdout.print(f"{name:<8}{path}", soft_wrap=True, markup=False)
