"""README: its commands and Python blocks run, on smaller data, and its links exist."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.cli.app import build_app

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
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    importlib.import_module("photo_folder").write_photos(tmp_path / "photos", train=20, test=10)
    commands = [command[1:] for command in read_commands() if command[0] == "foveal"]
    assert {command[0] for command in commands} >= {"plan", "ablate", "report"}
    for command in commands:
        if command != ["demo"]:  # `make demo` and its own tests run it
            assert main(shrink_command(command)) == 0, command


def test_commands_of_the_first_page_can_be_parsed() -> None:
    page = (ROOT / "docs" / "start.md").read_text()
    lines = re.findall(r"^(?:\$ )?foveal (.*)$", page, re.MULTILINE)
    assert len(lines) >= 5
    for line in lines:
        tokens = shlex.split(line)
        build_app(tokens).parse_args(tokens)


def test_other_commands_exist() -> None:
    others = [command for command in read_commands() if command[0] != "foveal"]
    assert others == [["pip", "install", "foveal[study]"]]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([\w-]+)`", README)) == {"demo", "test"} <= set(targets)


def test_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    for code, printed in zip(code_blocks("python"), ("blocks.0.relu", "[2, 32, 32]"), strict=True):
        exec(compile(code, "README.md", "exec"), {})
        assert printed in capsys.readouterr().out


def test_linked_files_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
