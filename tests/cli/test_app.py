"""Start of the command line: what it imports, and the help of every command."""

import inspect
import pkgutil
import subprocess
import sys

import pytest

from foveal.cli import main
from foveal.cli.app import COMMANDS

RUN = "import sys\nfrom foveal.cli import main\ncode = main(sys.argv[1:])\n"


def loaded_modules(*arguments: str) -> set[str]:
    """Return the modules that a fresh process has loaded after a command."""
    script = RUN + "sys.stderr.write('\\n' + ' '.join(sys.modules))"
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["trian"]])
def test_start_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_modules(*arguments)
    assert not {"torch", "matplotlib", "numpy", "pydantic", "foveal.study"} & loaded
    assert "foveal.cli.app" in loaded


def test_help_of_a_command_does_not_import_torch() -> None:
    assert "torch" not in loaded_modules("ablate", "--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, summary = COMMANDS[name]
    assert main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"foveal {name}" in text
    docstring = inspect.getdoc(pkgutil.resolve_name(path))
    assert docstring is not None
    assert docstring.splitlines()[0] == summary
    for paragraph in docstring.split("Parameters\n")[0].split("\n\n"):
        assert " ".join(paragraph.replace("`", "").split()) in text


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [words[1] for line in lines if (words := line.split())[1:2]]
    assert set(COMMANDS) <= set(listed)
