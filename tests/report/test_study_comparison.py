"""Reports of two studies side by side."""

from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.report import write_comparison
from report.fake_records import TWO_VARIANTS, write_fake_study
from report.report_page import ReportPage


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_fake_study(tmp_path / "study", TWO_VARIANTS)


def test_shows_two_studies_side_by_side(study: Path, tmp_path: Path) -> None:
    values = {"none": [0.70, 0.71, 0.72], "channel": [0.60, 0.61, 0.62]}
    other = write_fake_study(tmp_path / "other", values)
    report = write_comparison(study, other)
    assert report.page == study / "compare-other" / "report.html"
    page = ReportPage(report.page.read_text())
    rows = [row for row in page.rows if row and row[0].startswith("channel")]
    assert [row[4] for row in rows] == ["↑ better", "↓ worse"]
    text = " ".join(page.text.split())
    assert text.index("Yes: channel is better") < text.index("No: channel makes it worse")
    assert "Comparison of study and other" in page.text
    assert "The records show no difference" in page.text


def test_shows_options_that_differ(study: Path, tmp_path: Path) -> None:
    other = write_fake_study(tmp_path / "other", TWO_VARIANTS, planned_seeds=2)
    page = ReportPage(write_comparison(study, other, out=tmp_path / "both").page.read_text())
    assert page.find_row("planned_seeds") == ["planned_seeds", "3", "2"]


def test_refuses_studies_that_cannot_be_compared(study: Path, tmp_path: Path) -> None:
    other = write_fake_study(tmp_path / "other", {"eca": [0.5]})
    with pytest.raises(UsageError, match="no variant in common"):
        write_comparison(study, other)
    with pytest.raises(UsageError, match="no finished run yet"):
        write_comparison(study, write_fake_study(tmp_path / "empty", {"none": []}))
    with pytest.raises(UsageError, match="not a study"):
        write_comparison(study, study / "runs" / "0-0")
    assert not list(study.glob("compare-*"))


def test_refuses_a_folder_with_another_report(study: Path, tmp_path: Path) -> None:
    other = write_fake_study(tmp_path / "other", TWO_VARIANTS)
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "report.md").write_text("mine")
    with pytest.raises(UsageError, match="not a comparison"):
        write_comparison(study, other, out=folder)
    assert (folder / "report.md").read_text() == "mine"


def test_both_plots_share_their_axis_and_their_styles(study: Path, tmp_path: Path) -> None:
    values = {"eca": [0.5, 0.51, 0.52], "channel": [0.60, 0.61, 0.62]}
    other = write_fake_study(tmp_path / "other", {"none": [0.70, 0.71, 0.72], **values})
    page = ReportPage(write_comparison(study, other).page.read_text())
    lefts = [v for tag, name, v in page.attributes if (tag, name) == ("i", "style")]
    size = len(lefts) // 6  # two tables with two rows and a foot
    assert all(lefts[size * k : size * (k + 1)] == lefts[:size] for k in range(6))
    picks = [v for _, name, v in page.attributes if name == "data-pick"]
    assert picks == ["0", "1"]
