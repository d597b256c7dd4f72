"""The cost sections show the numbers that the study has stored."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from foveal.analysis import list_variant_costs
from foveal.records import read_study, write_extra
from foveal.report.document import build_document
from report.fake_records import TWO_VARIANTS, make_costs, write_fake_study
from report.report_page import ReportPage, read_report

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


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


def test_shows_layers_and_corrected_torchsummary(page: ReportPage) -> None:
    assert page.find_row("head Linear") == ["head Linear", "Nx10", "7"]
    assert page.find_row("none", "3.00") == ["none", "3.00", "0.5000", "0.0625"]
    assert not [row for row in page.rows if row[:1] == ["channel"] and row[-1] == "0.0938"]


def test_results_table_has_time_and_memory(page: ReportPage) -> None:
    assert page.find_row("channel", "3")[-3:] == ["2,202,122", "2.0", "3.0+50.0 %"]


def test_figure_shows_every_variant_over_time_and_memory(study: Path) -> None:
    block = next(each for each in build_document(study).figures if each.name == "gain-over-cost")
    texts = {element.text for element in ET.fromstring(block.svg).iter(SVG_TEXT)}
    assert {"none", "channel", "training time relative to none"} <= texts
    assert {"saved memory relative to none", "accuracy difference to none, points"} <= texts


def test_times_are_those_of_training(study: Path) -> None:
    for cost in list_variant_costs(read_study(study)):
        assert cost["epoch_seconds"] == 1.0
        assert cost["seconds"] == 11.0


def test_without_baseline_has_table_but_no_figure(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"channel": TWO_VARIANTS["channel"]})
    write_extra(folder, "cost-0-0", make_costs("channel"))
    page = read_report(folder)
    assert page.find_row("channel", "1,010") == ["channel", "1,010", "2,000", "300", "3.0", "2.0"]
    assert "Gain of each variant" not in page.text


def test_study_without_costs_names_the_option(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO_VARIANTS)
    assert list_variant_costs(read_study(folder)) == []
    assert "without --no-extras" in read_report(folder).text
