"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def table(
    head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, numbers: int = 0
) -> Iterator[str]:
    """Yield a Markdown table whose last columns are `numbers`, and a blank line."""
    rules = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    for cells in (head, rules, *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a generated part of the site, and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
