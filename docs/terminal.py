"""The directive `terminal`: commands that run when the site is built, shown with their output."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from photo_folder import write_photos  # in this folder
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[1]
COMMAND_FOLDER = tempfile.TemporaryDirectory(prefix="foveal-docs-")  # shared by all commands
TERMINAL_WIDTH = "88"  # characters


class Terminal(SphinxDirective):
    """Directive that runs each line, `foveal ...`, in a folder with the `studies` of the repository."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the commands and their output; a failed command is an error of the build."""
        text = "\n\n".join(f"$ {line}\n{self.run_command(line)}" for line in self.content if line)
        return [nodes.literal_block(text, text, language="text")]

    def run_command(self, line: str) -> str:
        """Return the output of a command, stdout and stderr together as in a terminal."""
        program, *arguments = shlex.split(line)
        if program != "foveal":
            raise self.error(f"The directive runs only foveal. Found {line!r}.")
        done = subprocess.run(  # noqa: S603  # the commands come from the pages of this site
            [sys.executable, "-m", "foveal", *arguments],
            cwd=prepare_folder(),
            env={**os.environ, "COLUMNS": TERMINAL_WIDTH, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self.error(f"{line!r} ended with {done.returncode}: {done.stdout}")
        lines = (each.rstrip() for each in done.stdout.splitlines())
        return "\n".join(lines).strip("\n")


def prepare_folder() -> Path:
    """Return the folder of the commands, with a link to the `studies` of the repository and with `photos`."""
    folder = Path(COMMAND_FOLDER.name)
    if not (folder / "studies").exists():
        (folder / "studies").symlink_to(ROOT / "studies", target_is_directory=True)
        write_photos(folder / "photos", train=80, test=40)
    return folder


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("terminal", Terminal)
    return {"parallel_read_safe": False}
