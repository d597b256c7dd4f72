"""Plain words: a short list of phrases that every reader has to translate, and how docstrings open."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BANNED = {
    "hangs on": r"\bhangs? on\b",
    "stands beside": r"\bstands? (beside|behind|there)\b",
    "is no": r"(?<![Tt]here )\bis no\b",
    "no number": r"\bno number\b",
    "British spelling": (
        r"(?i)colour|grey(?!s)|normalis[aei]|localis[aei]|\bcentre|neighbour|behaviour"
        r"|initialis[aei]|artefact|summaris[aei]|organis[aei]|recognis[aei]"
    ),
}
OPENINGS = (
    "What",
    "Where",
    "Whether",
    "Who",
    "Whose",
    "Why",
    "Which",
    "When",
    "How",
    "Say",
    "Says",
    "See",
)


def written_files() -> list[Path]:
    sources = [path for path in (ROOT / "src").rglob("*") if path.suffix in TEXT]
    pages = [path for path in (ROOT / "docs").glob("*") if path.suffix in TEXT]
    return sorted([*sources, *pages, ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


TEXT = {".py", ".md", ".c", ".h", ".js", ".css", ".html", ".j2"}
FILES = written_files()


def banned_phrases(text: str) -> list[str]:
    """Return each banned phrase with its line; phrases broken over two lines are found as well."""
    flat = re.sub(r"\s*\n[ \t]*(?:#|\*|//)?[ \t]*", lambda gap: " " * len(gap.group()), text)
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {name}: {match.group()!r}"
        for name, pattern in BANNED.items()
        for match in re.finditer(pattern, flat)
    ]


def bad_openings(source: str) -> list[str]:
    """Return the docstrings that open with a word that no docstring should open with."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            first = re.split(r"\W", text, maxsplit=1)[0]
            if first in OPENINGS:
                found.append(f"{getattr(node, 'name', 'module')}: {text.splitlines()[0]}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_in_plain_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert banned_phrases(text) == []
    if path.suffix == ".py":
        assert bad_openings(text) == []


def test_every_kind_of_banned_phrase_is_found() -> None:
    text = "It hangs on\nthe seed and stands beside it; this is no\n# number, no number, in grey."
    assert [line.split(": ")[1] for line in banned_phrases(text)] == list(BANNED)
    assert banned_phrases("There is no such file.") == []


def test_docstrings_that_open_with_a_clause_are_found() -> None:
    source = 'def a():\n    """Whether it works."""\nclass B:\n    """A noun."""\n'
    assert bad_openings(source) == ["a: Whether it works."]
