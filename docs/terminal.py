"""The directives `terminal` and `file`: commands that run when the site is built, and the files they need."""

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
PROGRAMS = {"foveal": (sys.executable, "-m", "foveal"), "sh": ("sh",), "cat": ("cat",)}
YOLO_RUNS = ROOT / "tests" / "fixtures" / "other_runs" / "ultralytics"
REAL_RUNS = ROOT / "benchmarks" / "results" / "convnet-cifar10-short-runs.csv"


class Terminal(SphinxDirective):
    """Directive that runs each line, a command of `PROGRAMS`, in the folder of `prepare_folder`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the commands and their output; a failed command is an error of the build."""
        text = "\n\n".join(f"$ {line}\n{self.run_command(line)}" for line in self.content if line)
        return [nodes.literal_block(text, text, language="text")]

    def run_command(self, line: str) -> str:
        """Return the output of a command, stdout and stderr together as in a terminal."""
        program, *arguments = shlex.split(line)
        if program not in PROGRAMS:
            raise self.error(f"The directive runs only {', '.join(PROGRAMS)}. Found {line!r}.")
        folder = prepare_folder()
        path = os.pathsep.join(map(str, (folder / "bin", Path(sys.executable).parent)))
        done = subprocess.run(  # noqa: S603  # the commands come from the pages of this site
            [*PROGRAMS[program], *arguments],
            cwd=folder,
            env={
                **os.environ,
                "COLUMNS": TERMINAL_WIDTH,
                "PYTHONUNBUFFERED": "1",
                "PATH": os.pathsep.join((path, os.environ["PATH"])),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self.error(f"{line!r} ended with {done.returncode}: {done.stdout}")
        lines = (each.rstrip() for each in done.stdout.splitlines())
        return "\n".join(lines).strip("\n")


class File(SphinxDirective):
    """Directive that writes its content to a file for the commands, and shows it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the content of the file."""
        text = "\n".join(self.content)
        (prepare_folder() / self.arguments[0]).write_text(text + "\n")
        language = "sh" if self.arguments[0].endswith(".sh") else "text"
        return [nodes.literal_block(text, text, language=language)]


def prepare_folder() -> Path:
    """Return the folder of the commands: `photos`, `real.csv`, `yolo`, and the `studies` of the repository.

    `bin/foveal` is for scripts.
    """
    folder = Path(COMMAND_FOLDER.name)
    if not (folder / "studies").exists():
        (folder / "studies").symlink_to(ROOT / "studies", target_is_directory=True)
        (folder / "real.csv").symlink_to(REAL_RUNS)
        (folder / "yolo").symlink_to(YOLO_RUNS, target_is_directory=True)
        program = folder / "bin" / "foveal"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m foveal "$@"\n')
        program.chmod(0o755)
        write_photos(folder / "photos", train=80, test=40)
    return folder


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("terminal", Terminal)
    app.add_directive("file", File)
    return {"parallel_read_safe": False}
