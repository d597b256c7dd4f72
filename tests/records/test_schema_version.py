"""Records of another schema are refused by every command, in one sentence."""

from pathlib import Path

import pytest

from analysis.simulated_records import simulate_study, write_study
from foveal.cli import main
from foveal.errors import FovealError
from foveal.records import list_run_folders
from foveal.records.manifest import write_manifest
from foveal.study import Study, StudyConfig
from foveal.web.loaded_study import load_study

COMMANDS = [
    "ablate --out STUDY",
    "cost STUDY",
    "evaluate RUN",
    "explain RUN",
    "explain STUDY",
    "export RUN network.onnx",
    "hypotheses STUDY",
    "report RUN",
    "report STUDY",
    "status STUDY",
    "train --out RUN --data scenes --train-size 20",
]
MESSAGE = "has schema 1 (expected 2)"


@pytest.fixture(scope="module")
def old_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of schema 1."""
    folder = tmp_path_factory.mktemp("schema") / "study"
    write_study(folder, simulate_study({"spatial": 0.1}, seeds=1))
    for path in [folder / "study.toml", *folder.glob("runs/*/config.toml")]:
        path.write_text(path.read_text().replace("schema = 2", "schema = 1"))
    for run in list_run_folders(folder):
        write_manifest(run)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_command_refuses_schema_1(
    old_study: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(old_study.rglob("*"))
    paths = {"STUDY": str(old_study), "RUN": str(list_run_folders(old_study)[0])}
    assert main([paths.get(word, word) for word in command.split()]) == 1
    captured = capsys.readouterr()
    error = " ".join(captured.err.split())
    assert MESSAGE in error
    assert "run it again in a new folder" in error
    assert captured.out == ""
    assert sorted(old_study.rglob("*")) == before


def test_page_and_library_refuse_schema_1(old_study: Path) -> None:
    with pytest.raises(FovealError, match=r"has schema 1 \(expected 2\)"):
        load_study(old_study, device="cpu")
    with pytest.raises(FovealError, match=r"has schema 1 \(expected 2\)"):
        Study.open(old_study, StudyConfig())
