"""Warnings at the top of a report."""

from pathlib import Path

from foveal.analysis import group_runs_by_variant
from foveal.records import read_study
from foveal.report.cell_view import CellView
from foveal.report.sections.results_table import build_results_table
from foveal.report.warnings import list_warnings
from report.fake_records import TWO_VARIANTS, write_fake_study


def read_cell(folder: Path) -> CellView:
    study = read_study(folder)
    return CellView(tuple(group_runs_by_variant(study)), study)


def read_warnings(folder: Path) -> list[str]:
    cell = read_cell(folder)
    assert cell.study
    return list_warnings(cell.study, cell.groups)


def test_complete_study_has_no_warnings(tmp_path: Path) -> None:
    assert read_warnings(write_fake_study(tmp_path / "study", TWO_VARIANTS)) == []


def test_warns_about_more_seeds_than_planned(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS, planned_seeds=2)
    (warning,) = read_warnings(folder)
    assert "planned for 2 seeds, and these variants have more: none (3), channel (3)" in warning
    assert "false positives" in warning


def test_warns_about_a_missing_baseline(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"channel": [0.8, 0.81, 0.82]})
    (warning,) = read_warnings(folder)
    assert "--attention none,channel" in warning
    headings = build_results_table(read_cell(folder)).headings
    assert "difference in points" not in headings


def test_warns_about_a_baseline_alone(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"none": [0.8, 0.81, 0.82]})
    (warning,) = read_warnings(folder)
    assert "nothing to compare" in warning
