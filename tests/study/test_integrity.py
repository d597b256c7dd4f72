"""Damaged runs are found, named, quarantined and trained again; they are never counted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from foveal.atomic import get_partial_path
from foveal.errors import CorruptRecordError
from foveal.records import is_complete, read_study, schema
from foveal.report import write_report
from foveal.study import Study
from study.small_study import SMALL, read_rows


@pytest.fixture
def study(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of the finished study, to be damaged."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "study"))


def find_first_run(study: Path) -> Path:
    return min((study / "runs").glob("channel-seed0-*"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = [
    "results.json", "metrics.csv", "predictions.npz", "config.toml", "model/model.safetensors",
    "manifest.json",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [truncate, flip_bit, Path.unlink])
def test_damaged_run_is_named_and_quarantined(
    study: Path, name: str, damage: Callable[[Path], None]
) -> None:
    run = find_first_run(study)
    damage(run / name)
    opened = Study.open(study, SMALL)
    (warning,) = opened.quarantine_damaged_runs()
    assert run.name in warning
    assert name in warning or name == "manifest.json"
    assert not run.exists()
    assert run.with_name(run.name + ".damaged").is_dir()
    assert len(opened.list_missing_runs()) == 1
    assert len(read_study(study).runs) == 3


def test_damaged_runs_are_trained_again_and_quarantined_under_free_names(
    uninterrupted: Path, study: Path
) -> None:
    for _ in range(2):
        truncate(find_first_run(study) / "results.json")
        Study.open(study, SMALL).run(with_extras=False)
        assert read_rows(study) == read_rows(uninterrupted)
    suffixes = sorted(path.name.partition(".")[2] for path in (study / "runs").glob("*.damaged*"))
    assert suffixes == ["damaged", "damaged-2"]


@pytest.mark.parametrize("name", ["results.json", "predictions.npz"])
def test_report_refuses_a_damaged_run(study: Path, name: str) -> None:
    flip_bit(find_first_run(study) / name)
    with pytest.raises(CorruptRecordError, match=find_first_run(study).name):
        write_report(study)


def remove_manifest_and_predictions(run: Path) -> None:
    """A copy that was interrupted: the folder has its final name and a part of its files."""
    for name in schema.MANIFEST_FILE, schema.PREDICTIONS_FILE:
        (run / name).unlink()


def remove_all_files(run: Path) -> None:
    """A run whose machine was lost before its first file was written."""
    partial = run.rename(get_partial_path(run))
    for path in partial.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (partial / ".config.toml.7.tmp").write_text("att")


def truncate_config(run: Path) -> None:
    """An unfinished run with a truncated config."""
    partial = run.rename(get_partial_path(run))
    (partial / schema.MANIFEST_FILE).unlink()
    (partial / schema.CONFIG_FILE).write_text('attention = "chan')


def truncate_checkpoint(run: Path) -> None:
    """An unfinished run with a truncated checkpoint."""
    partial = run.rename(get_partial_path(run))
    (partial / schema.MANIFEST_FILE).unlink()
    (partial / schema.CHECKPOINT_FILE).write_bytes(b"PK\x03\x04 and no more")


@pytest.mark.parametrize(
    "damage",
    [
        remove_manifest_and_predictions,
        remove_all_files,
        truncate_config,
        truncate_checkpoint,
    ],
)
def test_incomplete_run_is_trained_again(
    uninterrupted: Path, study: Path, damage: Callable[[Path], None]
) -> None:
    run = find_first_run(study)
    damage(run)
    Study.open(study, SMALL).run(with_extras=False)
    assert is_complete(run)
    assert read_rows(study) == read_rows(uninterrupted)
    assert not list((study / "runs").glob("*.partial"))
