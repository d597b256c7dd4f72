"""API reference: one page per public package, from its `__all__` and its docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown_tables import write_lines

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PACKAGES = (
    "foveal",
    "foveal.attention",
    "foveal.models",
    "foveal.kernels",
    "foveal.data",
    "foveal.training",
    "foveal.evaluation",
    "foveal.explanation",
    "foveal.cost",
    "foveal.stats",
    "foveal.study",
    "foveal.records",
    "foveal.analysis",
    "foveal.inspection",
    "foveal.plotting",
    "foveal.report",
)
# Code and doctest lines keep their signs; elsewhere reStructuredText would take them for markup.
PROTECTED = re.compile(r"(``?[^`]+``?)")
MARKUP = re.compile(r"[*|]|(?<=\w)_(?=\W|$)")


def write_api_pages(folder: Path) -> None:
    """Write one page per public package into `folder`, and the toctree `index.md`."""
    for package in PACKAGES:
        write_lines(folder / f"{package}.md", package_page(package))
    toctree = ["```{toctree}", *(package for package in PACKAGES), "```"]
    write_lines(folder / "index.md", ["# API reference", "", *index_lines(), "", *toctree])


def index_lines() -> Iterator[str]:
    """Yield the table of packages."""
    yield "| package | contains |"
    yield "| --- | --- |"
    for package in PACKAGES:
        yield f"| [`{package}`]({package}.md) | {first_sentence(importlib.import_module(package))} |"


def first_sentence(module: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(module) or "").partition("\n")[0]


def package_page(package: str) -> Iterator[str]:
    """Yield the lines of the page of a package: one entry per exported name."""
    module = importlib.import_module(package)
    yield f"# {package}"
    yield ""
    yield first_sentence(module)
    yield ""
    for name in sorted(module.__all__, key=str.lower):
        if not name.startswith("__"):
            yield from ("```{eval-rst}", *entry_lines(package, name), "```", "")


def entry_lines(package: str, name: str) -> list[str]:
    """Return the autodoc directive of one exported name."""
    exported = getattr(importlib.import_module(package), name)
    path = f"{package}.{name}"
    if inspect.isclass(exported):
        return [f".. autoclass:: {path}", "   :members:"]
    if inspect.isroutine(exported):
        return [f".. autofunction:: {path}"]
    return [f".. autodata:: {path}", "   :no-value:"]


def escape_markup(_app: Sphinx, what: str, _name: str, obj: object, *rest: Any) -> None:
    """Escape `*` and `|` of formulas in a docstring, in place, for `autodoc-process-docstring`."""
    lines: list[str] = rest[-1]
    if what == "data" and "\n".join(lines).strip() == inspect.cleandoc(type(obj).__doc__ or ""):
        lines.clear()  # a constant without a comment has the docstring of its type
    for index, line in enumerate(lines):
        if line.lstrip().startswith(">>>") or (
            index and lines[index - 1].lstrip().startswith(">>>")
        ):
            continue
        parts = PROTECTED.split(line)
        parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
        lines[index] = "".join(parts)
