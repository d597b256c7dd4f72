"""What a report says as files: the page, the text, the tables and the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

from foveal.errors import UsageError
from foveal.plotting import encode_png, replace_css_variables, report_style
from foveal.records import atomic_write, schema
from foveal.report.document import Content, content_of
from foveal.report.html_page import page_of
from foveal.report.markdown import markdown_of
from foveal.report.study_comparison import content_of_two
from foveal.text_tables import render_csv, render_latex

FIGURES, TABLES, TEXT = "figures", "tables", "report.md"
LIST = ".report.json"  # tables and figures that the last report has written


class Report:
    """A report that was made, for a notebook to show."""

    def __init__(self, page: Path) -> None:
        self.page = page

    def __repr__(self) -> str:
        return f"Report({str(self.page)!r})"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that its styles and those of the notebook stay apart."""
        page = escape(self.page.read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{page}" title="Report" sandbox="allow-scripts" '
            'style="width: 100%; height: 40rem; border: 1px solid #d5dae0"></iframe>'
        )


def report(folder: Path | str, *, only_page: bool = False) -> Report:
    """Make the report of a study or of one run, in its folder, from its records alone.

    Written are report.html, report.md, `tables/` as CSV and LaTeX and `figures/` as SVG and PNG, or the
    page alone where the rest was never asked for. All is the same, byte for byte, whenever it is made
    from the same records by the same versions.

    Raises:
        UsageError: `folder` is neither a study with a finished run nor a finished run.
        FovealError: a file of it is damaged.
    """
    folder = Path(folder)
    return made(folder, content_of(folder), only_page=only_page)


def compare(first: Path | str, second: Path | str, *, out: Path | str | None = None) -> Report:
    """Make the page of two studies side by side in the folder `out`, and return it.

    By default that is `compare-SECOND` in the folder of the first.

    Raises:
        UsageError: one of them is no study, has no finished run or a grid, they share no variant, or
            there is another report in `out`.
        FovealError: a file is damaged.
    """
    first, second = Path(first), Path(second)
    content = content_of_two(first, second)
    folder = first / f"compare-{second.resolve().name}" if out is None else Path(out)
    if not (folder / LIST).exists() and any((folder / n).exists() for n in (schema.REPORT, TEXT)):
        raise UsageError(
            f"{folder} holds a report that is no comparison: name another folder with --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return made(folder, content)


def made(folder: Path, content: Content, *, only_page: bool = False) -> Report:
    """Write what a report says into a folder."""
    page = folder / schema.REPORT
    write(page, page_of(content).encode())
    earlier = listed(folder)
    if only_page and not earlier:
        return Report(page)
    # Whatever stands beside a page says the same as the page.
    write(folder / TEXT, markdown_of(content, figures=FIGURES).encode())
    written = [
        *write_all(folder / TABLES, table_files(content)),
        *write_all(folder / FIGURES, figure_files(content)),
    ]
    for path in earlier - set(written):
        path.unlink(missing_ok=True)
    names = sorted(f"{path.parent.name}/{path.name}" for path in written)
    write(folder / LIST, json.dumps(names, indent=1).encode())
    return Report(page)


def listed(folder: Path) -> set[Path]:
    """Return the tables and figures that an earlier report has written here, by its own list."""
    try:
        names = [Path(name) for name in json.loads((folder / LIST).read_text())]
    except (OSError, ValueError, TypeError):
        return set()
    return {folder / n.parent.name / n.name for n in names if n.parent.name in (TABLES, FIGURES)}


def table_files(content: Content) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each table."""
    for one in content.tables:
        yield f"{one.name}.csv", render_csv(one.table).encode()
        yield f"{one.name}.tex", render_latex(one.table).encode()


def figure_files(content: Content) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each figure."""
    for one in content.pictures:
        yield f"{one.name}.svg", replace_css_variables(one.svg).encode()
        with report_style():
            drawn = encode_png(one.figure)
        yield f"{one.name}.png", drawn


def write_all(folder: Path, files: Iterator[tuple[str, bytes]]) -> list[Path]:
    """Write files into a folder, beside what else is there, and return their paths."""
    folder.mkdir(exist_ok=True)
    written = []
    for name, content in files:
        write(folder / name, content)
        written.append(folder / name)
    return written


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_write(path) as aside:
        aside.write_bytes(content)
