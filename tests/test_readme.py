"""What README tells its readers to type works, on smaller data where it trains."""

import re
import shlex
from pathlib import Path

import pytest

from foveal.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SMALLER = {
    "plan": ["--train-size", "100", "--test-size", "50"],
    "train": ["--train-size", "100", "--test-size", "50"],
    "ablate": ["--train-size", "100", "--test-size", "50"],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line]


def smaller(arguments: list[str]) -> list[str]:
    """Train on a few images for one epoch; everything else stays as README says."""
    shorter = [*arguments, *SMALLER.get(arguments[0], [])]
    if "--epochs" in shorter:
        shorter[shorter.index("--epochs") + 1] = "1"
    return shorter


def test_every_foveal_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    foveal = [command[1:] for command in commands() if command[0] == "foveal"]
    assert {command[0] for command in foveal} >= {"train", "ablate", "report"}
    for command in foveal:
        assert main(smaller(command)) == 0, command


def test_every_other_command_is_a_target_of_make() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    others = [command for command in commands() if command[0] != "foveal"]
    assert others == [["make", "demo"], ["make", "test"]]
    assert all(target in targets for _, target in others)


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for code, printed in zip(blocks("python"), ("blocks.0.relu", "[2, 32, 32]"), strict=True):
        exec(compile(code, "README.md", "exec"), {})
        assert printed in capsys.readouterr().out


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
