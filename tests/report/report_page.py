"""Report page parsed into rows, attributes and text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from foveal.report import write_report

VOID_TAGS = {"wbr", "meta", "img", "br"}


class ReportPage(HTMLParser):
    """Rows, attributes and text of a page. Tags that are not closed in order fail an assertion.

    Titles of shapes, which a browser shows under the pointer only, are no text.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open_tags: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open_tags == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.tags.append(tag)
        if tag not in VOID_TAGS:
            self.open_tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script", "title"} & set(self.open_tags):
            return
        self.text += data
        if {"td", "th"} & set(self.open_tags):
            self.rows[-1][-1] += data

    def attribute_values(self, name: str) -> list[str]:
        return [value for _, each, value in self.attributes if each == name]

    def find_row(self, *start: str) -> list[str]:
        """Return the first row that starts with these cells."""
        return next(row for row in self.rows if row[: len(start)] == list(start))


def read_report(folder: Path) -> ReportPage:
    """Write the page of a study or a run and return it parsed."""
    return ReportPage(write_report(folder, only_page=True).page.read_text(encoding="utf-8"))
