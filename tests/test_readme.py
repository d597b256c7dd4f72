"""README: its commands and Python blocks run, on smaller data, and its links exist."""

import re
import shlex
from pathlib import Path

import pytest

from foveal.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SMALL_RUN = [
    "--train-size", "40", "--test-size", "20", "--batch-size", "20",
    "--threads", "1", "--dtype", "float32",
]  # fmt: skip
SMALL_OPTIONS = {"--epochs": "1", "--seeds": "2"}


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def read_commands() -> list[list[str]]:
    lines = [line for block in code_blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line]


def shrink_command(arguments: list[str]) -> list[str]:
    """Return a command with few images, one epoch and two seeds; the rest stays as in README."""
    name, *options = arguments
    for option, value in SMALL_OPTIONS.items():
        if option in options:
            options[options.index(option) + 1] = value
    small = SMALL_RUN if name in {"plan", "train", "ablate"} else []
    return [name, *options, *small]


def test_every_foveal_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [command[1:] for command in read_commands() if command[0] == "foveal"]
    assert {command[0] for command in commands} >= {"train", "ablate", "report"}
    for command in commands:
        assert main(shrink_command(command)) == 0, command


def test_every_other_command_is_a_target_of_make() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    others = [command for command in read_commands() if command[0] != "foveal"]
    assert others == [["make", "demo"], ["make", "test"]]
    assert all(target in targets for _, target in others)


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    for code, printed in zip(code_blocks("python"), ("blocks.0.relu", "[2, 32, 32]"), strict=True):
        exec(compile(code, "README.md", "exec"), {})
        assert printed in capsys.readouterr().out


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
