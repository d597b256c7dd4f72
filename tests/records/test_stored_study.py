"""A study that was stored when runs got their present form: every later version reads and continues it."""

import shutil
from pathlib import Path

import pytest

from foveal.analysis import compare_cell_variants
from foveal.records import read_study
from foveal.study import Study
from study.test_sequential_study import CONFIG

STORED = Path(__file__).parent / "stored_study"
ENDS = [("channel", "equivalent", 8, -0.1056), ("spatial", "equivalent", 4, -0.0833)]


def test_verdicts_are_those_of_then() -> None:
    comparisons = compare_cell_variants(read_study(STORED))
    found = [(each.variant, each.verdict, each.seeds) for each in comparisons]
    assert found == [end[:3] for end in ENDS]
    for comparison, (*_, difference) in zip(comparisons, ENDS, strict=True):
        assert comparison.difference == pytest.approx(difference, abs=1e-4)


def test_nothing_is_trained_again(tmp_path: Path) -> None:
    """The options of then name the same runs, also with options that were added since."""
    shutil.copytree(STORED, tmp_path / "study")
    study = Study.open(tmp_path / "study", CONFIG)
    assert study.quarantine_damaged_runs() == []
    assert study.list_missing_runs() == []
