"""The cost sections show the numbers that the study has stored."""

from pathlib import Path

import pytest

from foveal.analysis import list_variant_costs
from foveal.records import read_study, write_extra
from foveal.report.document import build_document
from foveal.text_format import ABSENT_VALUE
from report.fake_records import TWO_VARIANTS, make_costs, write_fake_study
from report.report_page import ReportPage, read_report


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_study(tmp_path_factory.mktemp("costs") / "study", TWO_VARIANTS)
    for index, variant in enumerate(TWO_VARIANTS):
        write_extra(folder, f"cost-{index}-0", make_costs(variant))
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> ReportPage:
    return read_report(study)


def test_shows_stored_costs_with_their_change(page: ReportPage) -> None:
    assert page.find_row("none", "1,000") == ["none", "1,000", "2,000", "200", "2.0", "2.0"]
    assert page.find_row("channel", "1,010+1.0 %") == [
        "channel", "1,010+1.0 %", "2,000", "300+50.0 %", "3.0+50.0 %", "2.0",
    ]  # fmt: skip
    assert page.find_row("channel", "blocks.1") == ["channel", "blocks.1", "2", "2", "2", "0.00"]
    assert "Not counted: aten.strange." in page.text
    assert "a batch of 32" in page.text


def test_shows_layers(page: ReportPage) -> None:
    assert page.find_row("head Linear") == ["head Linear", "Nx10", "7"]


def test_results_table_has_time_and_memory(page: ReportPage) -> None:
    row = next(row for row in page.rows if row and row[0].startswith("channel"))
    dash = ABSENT_VALUE
    assert row[-3:] == [f"2.202 M{dash}", f"2.0 s{dash}", "3.0 MB+50 %"]


def test_figures_describe_ratios_and_where_memory_goes(study: Path) -> None:
    ratios, memory = (
        next(each for each in build_document(study).figures if each.name == name).description
        for name in ("cost-ratios", "memory")
    )
    assert "parameters: channel 1.01; multiply-adds: channel 1.00" in ratios
    assert "training memory: channel 1.50; training time: channel 1.00" in ratios
    assert "none 2.0 MB, of which attention modules none; channel 3.0 MB, of which" in memory


def test_times_are_those_of_training(study: Path) -> None:
    for cost in list_variant_costs(read_study(study)):
        assert cost["epoch_seconds"] == 1.0
        assert cost["seconds"] == 11.0


def test_without_baseline_has_table_but_no_figure(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"channel": TWO_VARIANTS["channel"]})
    write_extra(folder, "cost-0-0", make_costs("channel"))
    page = read_report(folder)
    assert page.find_row("channel", "1,010") == ["channel", "1,010", "2,000", "300", "3.0", "2.0"]
    assert "relative to none" not in page.text


def test_study_without_costs_names_the_option(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    assert list_variant_costs(read_study(folder)) == []
    assert "without --no-extras" in read_report(folder).text
