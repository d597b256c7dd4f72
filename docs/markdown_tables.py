"""Markdown tables, and generated files of the site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def markdown_table(
    head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, numbers: int = 0
) -> Iterator[str]:
    """Yield the lines of a Markdown table, with its last `numbers` columns right-aligned, and a blank line."""
    rules = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    for cells in (head, rules, *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write the lines of a generated page and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
