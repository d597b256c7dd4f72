"""Files of a report: the page, the Markdown text, the tables and the figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from foveal.atomic import atomic_write
from foveal.errors import UsageError
from foveal.records import schema
from foveal.report.document import ReportDocument, build_document
from foveal.report.html_page import read_template_file, render_report_html
from foveal.report.markdown import render_report_markdown
from foveal.report.study_comparison import build_comparison_document
from foveal.text_tables import render_csv, render_latex

_FIGURE_FOLDER, _TABLE_FOLDER, _TEXT_FILE = "figures", "tables", "report.md"
_FILE_LIST_NAME = ".report.json"  # the tables and figures that the last report has written


class Report:
    """A written report that a notebook displays."""

    def __init__(self, page: Path) -> None:
        self.page = page

    def __repr__(self) -> str:
        return f"Report({str(self.page)!r})"

    def _repr_html_(self) -> str:
        """Return the page in a frame, which separates its styles from those of the notebook."""
        page = escape(self.page.read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{page}" title="Report" sandbox="allow-scripts" '
            'style="width: 100%; height: 40rem; border: 1px solid #d5dae0"></iframe>'
        )


def write_report(folder: Path | str, *, only_page: bool = False) -> Report:
    """Write the report of a study or a run into its folder, from its records alone, and return it.

    The files are `report.html`, `report.md`, `tables/` (CSV and LaTeX) and `figures/` (SVG). The
    same records and package versions give the same bytes.

    Args:
        folder: the folder of the study or the run.
        only_page: write the page alone, unless an earlier report has written the other files.

    Raises:
        UsageError: `folder` is neither a study with a finished run nor a finished run.
        FovealError: a file in it is damaged.
    """
    folder = Path(folder)
    return _write_document(folder, build_document(folder), only_page=only_page)


def write_comparison(
    first: Path | str, second: Path | str, *, out: Path | str | None = None
) -> Report:
    """Write the report of two studies side by side, and return it.

    Args:
        first: the folder of a study.
        second: the folder of another study.
        out: the folder of the report; by default `compare-SECOND` in the folder of the first study.

    Raises:
        UsageError: a folder is not a study, a study has no finished run or a grid, the studies share no
            variant, or `out` contains another report.
        FovealError: a file is damaged.
    """
    first, second = Path(first), Path(second)
    document = build_comparison_document(first, second)
    folder = first / f"compare-{second.resolve().name}" if out is None else Path(out)
    is_own_folder = (folder / _FILE_LIST_NAME).exists()
    if not is_own_folder and any((folder / n).exists() for n in (schema.REPORT_FILE, _TEXT_FILE)):
        raise UsageError(
            f"{folder} contains a report that is not a comparison. Name another folder with --out."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return _write_document(folder, document)


def _write_document(folder: Path, document: ReportDocument, *, only_page: bool = False) -> Report:
    """Write all files of a report, and delete the tables and figures of the previous one."""
    page = folder / schema.REPORT_FILE
    previous = _read_previous_files(folder)
    has_files = bool(previous) or not only_page
    html = render_report_html(document, links=_list_links(folder, document, has_files=has_files))
    _write_file(page, html.encode())
    if not has_files:
        return Report(page)
    # Existing files are always written again, so that they never contradict the page.
    text = render_report_markdown(document, figure_folder=_FIGURE_FOLDER)
    _write_file(folder / _TEXT_FILE, text.encode())
    written = [
        *_write_files(folder / _TABLE_FOLDER, _render_tables(document)),
        *_write_files(folder / _FIGURE_FOLDER, _render_figures(document)),
    ]
    for path in previous - set(written):
        path.unlink(missing_ok=True)
    names = sorted(f"{path.parent.name}/{path.name}" for path in written)
    _write_file(folder / _FILE_LIST_NAME, json.dumps(names, indent=1).encode())
    return Report(page)


def _list_links(
    folder: Path, document: ReportDocument, *, has_files: bool
) -> list[tuple[str, str]]:
    """Return name and relative address of the tables beside the page."""
    links = [
        (f"{_TABLE_FOLDER}/{block.name}.csv", f"{_TABLE_FOLDER}/{block.name}.csv")
        for block in document.tables
    ]
    name = schema.RESULTS_TABLE_FILE
    all_runs = (
        [(f"every run with all its numbers ({name})", name)] if (folder / name).is_file() else []
    )
    return [*all_runs, *(links if has_files else [])]


def _read_previous_files(folder: Path) -> set[Path]:
    """Return the tables and figures that the previous report lists as its own."""
    try:
        names = [Path(name) for name in json.loads((folder / _FILE_LIST_NAME).read_text())]
    except (OSError, ValueError, TypeError):
        return set()
    folders = (_TABLE_FOLDER, _FIGURE_FOLDER)
    return {folder / n.parent.name / n.name for n in names if n.parent.name in folders}


def _render_tables(document: ReportDocument) -> Iterator[tuple[str, bytes]]:
    """Yield the file name and the content of each table, as CSV and as LaTeX."""
    for block in document.tables:
        yield f"{block.name}.csv", render_csv(block.table).encode()
        yield f"{block.name}.tex", render_latex(block.table).encode()


def _render_figures(document: ReportDocument) -> Iterator[tuple[str, bytes]]:
    """Yield the file name and the content of each figure, an SVG file with the styles of the page."""
    styles = read_template_file("palette.css") + read_template_file("figures.css")
    for block in document.figures:
        start, end, rest = str(block.svg).partition(">")
        yield f"{block.name}.svg", f"{start}{end}<style>{styles}</style>{rest}".encode()


def _write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write files into a folder, leave other files in it alone, and return the written paths."""
    folder.mkdir(exist_ok=True)
    written = []
    for name, content in files:
        _write_file(folder / name, content)
        written.append(folder / name)
    return written


def _write_file(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
