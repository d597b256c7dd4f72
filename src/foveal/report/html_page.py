"""HTML page of a report: one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from markupsafe import Markup

from foveal.report.document import ReportDocument
from foveal.report.templating import render_template

_MAX_PAGE_BYTES: Final = 4_000_000


def render_report_html(
    document: ReportDocument, *, links: Sequence[tuple[str, str]] = ()
) -> Markup:
    """Return the page of a report. Text from records is escaped and never becomes markup.

    The page is complete without its script. Its content security policy allows this script only.

    Args:
        document: the report.
        links: text and relative address of the files beside the page.
    """
    script = read_template_file("report.js")
    return render_template(
        "report.html.j2",
        document=document,
        links=links,
        budget=SizeBudget(),
        styles=Markup(  # noqa: S704 - files of this package
            "".join(map(read_template_file, ("palette.css", "figures.css", "report.css")))
        ),
        script=Markup(script),  # noqa: S704 - a file of this package
        script_hash=_compute_script_hash(script),
    )


def read_template_file(name: str) -> str:
    """Return a file of the folder of templates."""
    return files("foveal.report").joinpath("templates", name).read_text("utf-8")


class SizeBudget:
    """Size limit of a page: figures that exceed it stay in their own files.

    Figures are counted in the order of the page, so the omitted ones depend on the records only.
    """

    def __init__(self, max_bytes: int = _MAX_PAGE_BYTES) -> None:
        self.bytes_left = max_bytes

    def embed(self, markup: Markup) -> Markup:
        """Return the markup and subtract its size, or return nothing if it exceeds the budget."""
        if len(markup) > self.bytes_left:
            return Markup("")
        self.bytes_left -= len(markup)
        return markup


def _compute_script_hash(script: str) -> str:
    """Return the base64 SHA-256 hash of a script for a content security policy."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
