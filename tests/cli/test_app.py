"""Start of the command line, help, config files, errors with their exit codes, and Ctrl-C."""

import inspect
import json
import pkgutil
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.cli_runs import SMALL_DATA, join_lines, run_foveal, start_foveal
from foveal.cli import main
from foveal.cli.app import COMMAND_GROUPS, COMMANDS
from report.fake_records import write_fake_study

PRINT_MODULES = """
import sys
from foveal.cli import main
main(sys.argv[1:])
sys.stderr.write("\\n" + " ".join(sys.modules))
"""


def loaded_modules(*arguments: str) -> set[str]:
    """Return the modules that a fresh process has loaded after a command."""
    command = [sys.executable, "-c", PRINT_MODULES, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["trian"]])
def test_start_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_modules(*arguments)
    assert not {"torch", "matplotlib", "numpy", "pydantic", "foveal.study"} & loaded
    assert "foveal.cli.app" in loaded


def test_help_of_a_command_imports_neither_torch_nor_scipy() -> None:
    assert not {"torch", "scipy"} & loaded_modules("ablate", "--help")


@pytest.mark.parametrize("command", ["report", "status", "hypotheses"])
def test_commands_on_records_do_not_import_torch(command: str, tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.7], "cbam": [0.8]})
    assert "torch" not in loaded_modules(command, str(folder))
    assert (folder / "report.html").is_file() == (command == "report")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path, summary = COMMANDS[name]
    text = join_lines(run_foveal(capsys, name, "--help"))
    assert f"foveal {name}" in text
    docstring = inspect.getdoc(pkgutil.resolve_name(path))
    assert docstring is not None
    assert docstring.splitlines()[0] == summary
    for paragraph in docstring.split("Parameters\n")[0].split("\n\n"):
        assert join_lines(paragraph.replace("`", "")) in text


def test_help_lists_every_command_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run_foveal(capsys, "--help").splitlines()
    assert run_foveal(capsys).splitlines() == lines
    assert run_foveal(capsys, "help").splitlines() == lines
    listed: dict[str, list[str]] = {}
    for line in lines:
        words = line.strip("╭╮╰╯│─ ").split()
        if line.startswith("╭"):
            listed[" ".join(words)] = []
        elif line.startswith("│") and words[0] in COMMANDS:
            listed[list(listed)[-1]].append(words[0])
    assert [title for title in listed if listed[title]] == list(COMMAND_GROUPS)
    assert [listed[title] for title in COMMAND_GROUPS] == [list(g) for g in COMMAND_GROUPS.values()]


def test_options_override_the_config_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "options.toml"
    file.write_text(
        'epochs = 7\ntrain_size = 100\ntest_size = 50\nattention = "channel"\nthreads = 1\n'
    )
    options = ["--config", str(file), "--epochs", "1", "--out", str(tmp_path / "run")]
    content = json.loads(run_foveal(capsys, "train", *options, "--json"))
    assert (content["epochs"], content["variant"]) == (1, "channel")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--data", "no/such/folder"], "no file or folder no/such/folder"),
        (["train", "--attention", "cabm"], "Did you mean 'cbam'"),
        (["ablate", "--attention", "none,cabm"], "Did you mean 'cbam'"),
        (["train", "--epochs", "0"], "Parameter `epochs` should be greater than or equal to 1."),
        (["train", "--epoch", "3"], "Use --epochs."),
        (["train", "--optimizer", "sdg"], "Parameter `optimizer` should be 'sgd' or 'adamw'"),
        (["train", "--config", "missing.toml"], "no file missing.toml"),
        (["trian"], "Did you mean 'train'?"),
        (["train", "--lr", "0.1"], "There is no option --lr. Use --learning-rate."),
        (["ablate", "--bs=3", "--epochs", "0"], "There is no option --bs. Use --batch-size."),
        (["ablate", "--resume"], "The same command continues an interrupted study."),
        (["ablate", "epochs=3"], "There is no place for 'epochs=3'. Write --epochs 3."),
        (["train", "photos"], "Write an option before it, such as --data photos."),
        (["train", "--epochs", "0", "--modle", "a"], "There is no option --modle. Did you mean --model?"),
        (["evaluate", "--date", "photos"], "There is no option --date. Did you mean --data?"),
        (["evaluate"], "`foveal evaluate` needs RUN, for example: foveal evaluate runs/cbam"),
        (["ablate", "--epochs"], "--epochs needs a value."),
        (["train", "--attention", "none,cbam"], "several: foveal ablate --attention none,cbam"),
        (["evaluate", "missing"], "missing is not a finished run"),
        (["report", "missing"], "missing"),
    ],
)  # fmt: skip
def test_wrong_use_ends_with_its_error_and_exits_with_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    out = ["--out", "run"] if arguments[0] in {"train", "ablate"} else []
    assert main([arguments[0], *out, *arguments[1:]]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    *first_line, error = captured.err.removesuffix("\n").split("\n")
    assert message in error
    assert not first_line or re.search("1 run of |10 runs of ", first_line[0])
    assert list(tmp_path.iterdir()) == []


def test_process_exits_with_the_code() -> None:
    assert start_foveal("train", "--epochs", "0", "--out", "run").returncode == 2
    assert start_foveal("--version").stdout.strip() == "0.1.0"
    assert start_foveal("-V").stdout.strip() == "0.1.0"


def test_debug_shows_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = start_foveal("report", "missing", "--debug")
    assert "Traceback" in done.stderr
    assert done.returncode != 0


def test_ctrl_c_keeps_finished_work(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foveal", "ablate", *SMALL_DATA, "--epochs", "500"]
    process = subprocess.Popen(
        [*command, "--attention", "none,cbam", "--out", str(tmp_path / "study")],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts this in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob("study/runs/*.partial/checkpoint.pt")):
        assert process.poll() is None
        time.sleep(0.05)  # until the first epoch is stored, however long it takes
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. Finished runs are kept" in stderr
    assert "Traceback" not in stderr
