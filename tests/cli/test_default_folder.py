"""A command without `--out` finds its study again, whatever happens between two calls."""

import json
import re
from pathlib import Path

import pytest

from cli.cli_runs import SMALL_RUN, run_foveal
from foveal.cli import main
from foveal.study import RunConfig, StudyConfig
from foveal.study.default_folder import choose_default_folder

BASE = StudyConfig(attention="none,cbam", epochs=3)


def choose(**options: object) -> Path:
    return choose_default_folder(StudyConfig(**(BASE.model_dump(exclude_unset=True) | options)))


@pytest.mark.parametrize(
    "options",
    [
        {"seeds": 20},
        {"margin": 1.0},
        {"attention": "none, CBAM"},
        {"attention": "none,series:reduction=16"},
        {"batch_size": 256},  # the default
        {"device": "auto"},
    ],
    ids=str,
)
def test_folder_stays(options: dict[str, object]) -> None:
    assert choose(**options) == choose()
    assert re.fullmatch(r"runs/scenes-convnet-[0-9a-f]{4}", choose().as_posix())


@pytest.mark.parametrize(
    "options",
    [
        {"first_seed": 100},
        {"attention": "none,cbam,bam"},
        {"se": True},
        {"epochs": 4},
        {"device": "cpu"},
        {"data": "scenes:clutter=0"},
        {"grid": {"epochs": "3,4"}},
        {"grid": {"epochs": "3,5"}},
    ],
    ids=str,
)
def test_other_runs_are_in_another_folder(options: dict[str, object]) -> None:
    assert choose(**options) != choose()
    assert choose(**options).name.startswith("scenes-convnet-")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"data": "hf:owner/My_Photos"}, "my-photos-convnet"),
        ({"model": "torchvision/resnet18"}, "scenes-resnet18"),
        ({"model": "my_networks:build"}, "scenes-my-networks"),
        ({"grid": {"data": "cifar10,cifar100", "model": "resnet18"}}, "cifar10-cifar100-resnet18"),
        ({"data": "a" * 90}, f"{40 * 'a'}-convnet"),
    ],
    ids=str,
)
def test_name_of_the_folder(options: dict[str, object], name: str) -> None:
    assert choose(**options).name.rpartition("-")[0] == name


def test_every_spelling_of_a_path_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "My photos").mkdir()
    (tmp_path / "more").mkdir()
    monkeypatch.chdir(tmp_path)
    folder = choose(data="My photos")
    assert folder.name.startswith("my-photos-convnet-")
    assert choose(data="./My photos/") == folder
    first = choose(grid={"data": ["My photos", "more"]})
    assert choose(grid={"data": ["./My photos", "more/"]}) == first
    monkeypatch.chdir(tmp_path / "more")
    (tmp_path / "more" / "My photos").mkdir()  # the whole project was moved
    assert choose(data="My photos") == folder


def test_runs_of_other_seeds_and_variants_are_in_other_folders() -> None:
    runs = [RunConfig(), RunConfig(seed=1), RunConfig(attention="cbam")]
    folders = {choose_default_folder(run) for run in runs} | {choose_default_folder(StudyConfig())}
    assert len(folders) == 4
    assert choose_default_folder(RunConfig(attention="series:reduction=16")) in folders


def test_study_without_out_ends_in_an_answer_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["ablate", "--data", "scenes", *SMALL_RUN, "--attention", "channel", "--no-extras"]
    for seeds, trained, runs in (
        (1, "all", "2 runs"),
        (1, "0 of them", "2 runs"),
        (2, "2 of them", "4 runs"),
    ):
        assert main([*command, "--seeds", str(seeds)]) == 0
        captured = capsys.readouterr()
        (folder,) = (path.relative_to(tmp_path) for path in (tmp_path / "runs").iterdir())
        counts = f"(2 variants x {seeds} seed{'s' if seeds > 1 else ''})"
        added, first_line, *_ = captured.err.splitlines()
        assert added.startswith("Added the variant none")
        assert first_line == f"convnet, scenes: {runs} of 1 epoch {counts}, in {folder}. {CONTINUE}"
        assert f"{runs}, {trained} trained now." in captured.out
        closing = captured.out.split("\nDoes ")[1]
        assert closing.startswith("channel attention help ConvNet on scenes? Not ")
        last_line = closing.splitlines()[-1]
        assert last_line == f"Report: {folder / 'report.html'}"
        assert (tmp_path / folder / "report.html").is_file()


CONTINUE = "Ctrl-C stops; the same command continues."


def test_run_without_out_is_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", *SMALL_RUN, "--json"]
    first = json.loads(run_foveal(capsys, *command))
    (folder,) = (tmp_path / "runs").iterdir()
    assert first["run"] == f"runs/{folder.name}"
    changed = (folder / "results.json").stat().st_mtime_ns
    assert json.loads(run_foveal(capsys, *command)) == first
    assert (folder / "results.json").stat().st_mtime_ns == changed
