"""Calls of the command line for tests: small trainings, printed output, fresh processes."""

import os
import subprocess
import sys

import pytest

from foveal.cli import main

SMALL_DATA = [
    "--train-size", "100", "--test-size", "50", "--batch-size", "50",
    "--threads", "1", "--dtype", "float32",
]  # fmt: skip
SMALL_RUN = [*SMALL_DATA, "--epochs", "1"]


def run_foveal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that succeeds and return its stdout."""
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def join_lines(text: str) -> str:
    """Return text as one line with single spaces."""
    return " ".join(text.split())


def start_foveal(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a fresh process."""
    command = [sys.executable, "-m", "foveal", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
