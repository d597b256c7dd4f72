"""The index of `docs/decisions.md` lists every decision, in order, under its own words and with its status."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "decisions.md").read_text(encoding="utf-8")


def test_index_lists_every_decision() -> None:
    rows = re.findall(
        r"^\| (\d+) \| \[(.+)\]\(#decision-(\d+)\) \| ([\w ]+) \|$", TEXT, re.MULTILINE
    )
    entries = re.findall(
        r"^\(decision-(\d+)\)=\n### (\d+)\. (.+)\n\n\*\*Status:\*\* (.+)$", TEXT, re.MULTILINE
    )
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert [(n, title, n, status) for n, _, title, status in entries] == rows
    assert [anchor for anchor, *_ in entries] == [number for _, number, *_ in entries]
