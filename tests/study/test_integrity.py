"""What is damaged is found, named, set aside and run again; it is never counted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foveal.errors import CorruptRecordError
from foveal.records import get_partial_path, is_complete, read_study, schema
from foveal.report import write_report
from foveal.study import Study
from study.small_study import SMALL, rows


@pytest.fixture
def study(unbroken: Path, tmp_path: Path) -> Path:
    """A copy of the finished study, to be damaged."""
    return Path(shutil.copytree(unbroken, tmp_path / "study"))


def first_run(study: Path) -> Path:
    return min((study / "runs").glob("channel-seed0-*"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = [
    "results.json", "metrics.csv", "predictions.npz", "config.toml", "model/model.safetensors",
    "manifest.json",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_damaged_run_is_named_set_aside_and_run_again(
    unbroken: Path, study: Path, name: str, damage: Callable[[Path], None]
) -> None:
    run = first_run(study)
    damage(run / name)
    opened = Study.open(study, SMALL)
    (said,) = opened.quarantine_damaged_runs()
    assert run.name in said
    assert name in said or name == "manifest.json"
    assert not run.exists()
    assert run.with_name(run.name + ".damaged").is_dir()
    assert len(opened.list_missing_runs()) == 1
    assert len(read_study(study).runs) == 3
    opened.run()
    assert rows(study) == rows(unbroken)


def test_a_second_one_has_a_name_of_its_own(study: Path) -> None:
    for _ in range(2):
        cut(first_run(study) / "results.json")
        Study.open(study, SMALL).run()
    found = sorted(path.name.partition(".")[2] for path in (study / "runs").glob("*.damaged*"))
    assert found == ["damaged", "damaged-2"]


@pytest.mark.parametrize("name", ["results.json", "predictions.npz"])
def test_a_report_does_not_count_what_is_damaged(study: Path, name: str) -> None:
    flip(first_run(study) / name)
    with pytest.raises(CorruptRecordError, match=first_run(study).name):
        write_report(study)


def half_written(run: Path) -> None:
    """A copy that was broken off: the folder has its final name and a part of its files."""
    for name in schema.MANIFEST_FILE, schema.PREDICTIONS_FILE:
        (run / name).unlink()


def without_config(run: Path) -> None:
    """A run whose machine was lost before its first file was on the disk."""
    aside = run.rename(get_partial_path(run))
    for path in aside.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (aside / ".config.toml.7.tmp").write_text("att")


def with_half_a_config(run: Path) -> None:
    """A partial run whose config is cut off."""
    aside = run.rename(get_partial_path(run))
    (aside / schema.MANIFEST_FILE).unlink()
    (aside / schema.CONFIG_FILE).write_text('attention = "chan')


def with_half_a_checkpoint(run: Path) -> None:
    """A partial run whose checkpoint is cut off."""
    aside = run.rename(get_partial_path(run))
    (aside / schema.MANIFEST_FILE).unlink()
    (aside / schema.CHECKPOINT_FILE).write_bytes(b"PK\x03\x04 and no more")


@pytest.mark.parametrize(
    "damage", [half_written, without_config, with_half_a_config, with_half_a_checkpoint]
)
def test_what_is_half_written_is_run_again(
    unbroken: Path, study: Path, damage: Callable[[Path], None]
) -> None:
    run = first_run(study)
    damage(run)
    Study.open(study, SMALL).run()
    assert is_complete(run)
    assert rows(study) == rows(unbroken)
    assert not list((study / "runs").glob("*.partial"))
