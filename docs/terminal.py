"""The directive `terminal`: commands that run when the site is built, shown with what they print."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
FOLDER = tempfile.TemporaryDirectory(prefix="foveal-docs-")  # one for all commands of a site
WIDTH = "88"  # characters that fit the page


class Terminal(SphinxDirective):
    """Run each line, `foveal ...`, in a folder that has the repository's `studies`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the commands and their output; a failure of one is an error of the build."""
        text = "\n\n".join(f"$ {line}\n{self.printed(line)}" for line in self.content if line)
        return [nodes.literal_block(text, text, language="text")]

    def printed(self, line: str) -> str:
        """Return what a command prints, on both streams as a terminal shows them."""
        program, *arguments = shlex.split(line)
        if program != "foveal":
            raise self.error(f"Only foveal is run here. Found {line!r}.")
        done = subprocess.run(  # noqa: S603  # the commands are those of our own pages
            [sys.executable, "-m", "foveal", *arguments],
            cwd=folder(),
            env={**os.environ, "COLUMNS": WIDTH, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self.error(f"{line!r} ended with {done.returncode}: {done.stdout}")
        lines = (each.rstrip() for each in done.stdout.splitlines())
        return "\n".join(lines).strip("\n")


def folder() -> Path:
    """Return the folder of the commands, in which `studies` are those of the repository."""
    here = Path(FOLDER.name)
    if not (here / "studies").exists():
        (here / "studies").symlink_to(ROOT / "studies", target_is_directory=True)
    return here


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the directive known."""
    app.add_directive("terminal", Terminal)
    return {"parallel_read_safe": False}
