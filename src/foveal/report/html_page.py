"""HTML page of a report: one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foveal.report.blocks import FigureBlock, ScriptData
from foveal.report.document import ReportDocument
from foveal.report.sections.results import describe_detectable_difference, format_verdict
from foveal.text_format import format_percent

_MAX_PAGE_BYTES = 4_000_000
_FILTER_NAMES = ("variant", "seed", "class")


def render_report_html(document: ReportDocument) -> str:
    """Return the page of a report. Text from records is escaped and never becomes markup.

    The page is complete without its script. Its content security policy allows this script only.
    """
    environment = Environment(
        loader=PackageLoader("foveal.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    budget = SizeBudget()
    environment.filters |= {
        "format_percent": format_percent,
        "format_verdict": format_verdict,
        "describe_detectable_difference": describe_detectable_difference,
        "embed_svg": budget.embed_svg,
        "embed_json": budget.embed_json,
    }
    script = files("foveal.report").joinpath("templates", "report.js").read_text("utf-8")
    filters = [(name, document.list_filter_values(name)) for name in _FILTER_NAMES]
    return environment.get_template("report.html.j2").render(
        document=document,
        filters=[(name, values) for name, values in filters if len(values) > 1],
        script=Markup(script),  # noqa: S704 - a file of this package
        script_hash=_compute_script_hash(script),
    )


class SizeBudget:
    """Size limit of a page: figures that exceed it stay in their own files.

    Figures are counted in the order of the page, so the omitted ones depend on the records only.
    """

    def __init__(self, max_bytes: int = _MAX_PAGE_BYTES) -> None:
        self.bytes_left = max_bytes

    def reserve(self, size: int) -> bool:
        """Return True and subtract `size` from the budget if that many bytes are left."""
        fits = size <= self.bytes_left
        self.bytes_left -= size if fits else 0
        return fits

    def embed_svg(self, figure: FigureBlock) -> Markup:
        """Return the SVG element of a figure, empty if it exceeds the budget."""
        # The SVG writer has escaped all text as XML.
        return Markup(figure.svg if self.reserve(len(figure.svg)) else "")  # noqa: S704

    def embed_json(self, data: ScriptData) -> Markup:
        """Return the numbers of a block as JSON, empty if they exceed the budget."""
        text = _to_embedded_json(data.content)
        return text if self.reserve(len(text)) else Markup("")


def _to_embedded_json(content: Mapping[str, Any]) -> Markup:
    r"""Return numbers and names as JSON that cannot close the script element around it.

    >>> print(_to_embedded_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(content, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - all markup characters are escaped


def _compute_script_hash(script: str) -> str:
    """Return the base64 SHA-256 hash of a script for a content security policy."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
