"""Parts of the docstring of an attention module: summary, formula, symbols, arguments, source."""

# Formulas use the signs of the papers.
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
    """Parts of one docstring; `formula` may be empty, `body` has the paragraphs after the formula."""

    summary: str
    formula: str
    body: tuple[str, ...]
    arguments: dict[str, str]
    source: str


def read_docstring(module: object) -> Docstring:
    """Return the parts of the docstring of a module."""
    paragraphs = (inspect.getdoc(module) or "").split("\n\n")
    sections = {}
    prose = []
    for paragraph in paragraphs:
        section = SECTION.match(paragraph)
        if section:
            sections[section[1]] = paragraph[section.end() :]
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
    """Return the meaning of each argument; several arguments may share a line."""
    text = inspect.cleandoc(section)
    arguments: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", text):
        argument = ARGUMENT.fullmatch(" ".join(entry.split()))
        if argument:
            arguments |= dict.fromkeys(argument[1].split(", "), argument[2])
    return arguments


def to_markdown(text: str) -> str:
    """Return prose of a docstring as Markdown: names of signs become signs, code is unchanged.

    >>> to_markdown("Mc is `a_b`, C -> C/r, sigma(q * F)")
    'M<sub>c</sub> is `a_b`, C → C/r, σ(q ∗ F)'
    """
    parts = CODE.split(text)
    parts[::2] = [replace_sign_names(part) for part in parts[::2]]
    return "".join(parts)


def replace_sign_names(text: str) -> str:
    """Return a formula with the signs of the papers and with indices as subscripts."""
    for name, sign in SIGNS.items():
        text = re.sub(name, sign, text)
    text = text.replace("_odd", "<sub>odd</sub>")
    return INDEXED.sub(r"\1<sub>\2</sub>", text).replace("|", "\\|").replace("[", "\\[")
