"""What a module's docstring says, in parts: sentence, formula, symbols, arguments, source."""

# The signs of the papers are meant.
# ruff: noqa: RUF001, RUF002

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

SECTION = re.compile(r"(Args|Shape|Source):\s*")
ARGUMENT = re.compile(r"(\w+(?:, \w+)*): (.+)")
CODE = re.compile(r"(`[^`]+`)")
SIGNS = {
    r"\bsigma\b": "σ",
    r"\bdelta\b": "δ",
    r"\bgamma\b": "γ",
    r"\blambda\b": "λ",
    r"\(x\)": "⊗",
    "->": "→",
    " - ": " − ",
    r"\bF''": "F″",
    r"\bF'": "F′",
    r"\^2": "²",
    r"\*": "∗",
}
INDEXED = re.compile(r"\b([MWFCfgz]|C1D)_?([0-3chswik])(?![\w])")


@dataclass(frozen=True)
class Docstring:
    """The parts of one docstring; `formula` may be missing, and `body` are the paragraphs behind it."""

    summary: str
    formula: str
    body: tuple[str, ...]
    arguments: dict[str, str]
    source: str


def read_docstring(described: object) -> Docstring:
    """Take the docstring of a module apart."""
    paragraphs = (inspect.getdoc(described) or "").split("\n\n")
    sections = {}
    prose = []
    for paragraph in paragraphs:
        found = SECTION.match(paragraph)
        if found:
            sections[found[1]] = paragraph[found.end() :]
        else:
            prose.append(" ".join(paragraph.split()))
    summary, formula, *body = [*prose, ""] if len(prose) == 1 else prose
    return Docstring(
        summary,
        formula,
        tuple(body),
        read_arguments(sections.get("Args", "")),
        " ".join(sections.get("Source", "").split()),
    )


def read_arguments(section: str) -> dict[str, str]:
    """Return what the section says of each argument; several may share a line."""
    text = inspect.cleandoc(section)
    arguments: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", text):
        found = ARGUMENT.fullmatch(" ".join(entry.split()))
        if found:
            arguments |= dict.fromkeys(found[1].split(", "), found[2])
    return arguments


def markdown(text: str) -> str:
    """Return prose of a docstring as Markdown: signs in the place of their names, code left alone.

    >>> markdown("Mc is `a_b`, C -> C/r, sigma(q * F)")
    'M<sub>c</sub> is `a_b`, C → C/r, σ(q ∗ F)'
    """
    parts = CODE.split(text)
    parts[::2] = [with_signs(part) for part in parts[::2]]
    return "".join(parts)


def with_signs(text: str) -> str:
    """Set a formula in the signs of the papers, indices as indices."""
    for name, sign in SIGNS.items():
        text = re.sub(name, sign, text)
    text = text.replace("_odd", "<sub>odd</sub>")
    return INDEXED.sub(r"\1<sub>\2</sub>", text).replace("|", "\\|").replace("[", "\\[")
