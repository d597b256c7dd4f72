"""What variants cost stands in the report as the study stored it."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.analysis import list_variant_costs
from foveal.records import read_study, write_extra
from foveal.report.document import content_of
from report.test_report import TWO, page_of, write_fake_study

TEXT = "{http://www.w3.org/2000/svg}text"
COST: dict[str, dict[str, Any]] = {
    "none": {"parameters": 1000, "macs": 64_000, "element_operations": 6400, "saved_bytes": 2**21},
    "channel": {
        "parameters": 1010,
        "macs": 64_000,
        "element_operations": 9600,
        "saved_bytes": 3 * 2**20,
    },
}


def stored(variant: str) -> dict[str, np.ndarray[Any, Any]]:
    gates = {"none": 0, "channel": 2}[variant]
    numbers = {name: np.array(value) for name, value in COST[variant].items()}
    of_sites = {
        f"site_{name}": np.arange(gates) + 1
        for name in ("parameters", "saved_bytes", "macs", "element_operations")
    }
    return {
        "batch_size": np.array(32),
        "layer_headings": np.array(["layer", "output", "parameters"]),
        "layers": np.array([["ConvNet", "Nx10", ""], ["head Linear", "Nx10", f"{gates + 7}"]]),
        **({} if gates else {"torchsummary": np.array([3.0 * 2**20, 2**19])}),
        "uncounted": np.array([] if variant == "none" else ["aten.strange"], dtype=str),
        "site": np.array([f"blocks.{k}" for k in range(gates)], dtype=str),
        **numbers,
        **of_sites,
    }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = write_fake_study(tmp_path / "study", TWO)
    for place, variant in enumerate(TWO):
        write_extra(folder, f"cost-{place}-0", stored(variant))
    return folder


def test_numbers_are_those_stored_beside_their_rise(study: Path) -> None:
    page = page_of(study)
    assert page.row("none", "1,000") == ["none", "1,000", "2,000", "200", "2.0", "2.0"]
    assert page.row("channel", "1,010+1.0 %") == [
        "channel", "1,010+1.0 %", "2,000", "300+50.0 %", "3.0+50.0 %", "2.0",
    ]  # fmt: skip
    assert page.row("channel", "blocks.1") == ["channel", "blocks.1", "2", "2", "2", "0.00"]
    assert "Not counted: aten.strange." in page.text
    assert "a batch of 32" in page.text


def test_the_plot_has_every_variant_over_time_and_memory(study: Path) -> None:
    drawn = next(one for one in content_of(study).pictures if one.name == "gain-against-cost")
    words = {element.text for element in ET.fromstring(drawn.svg).iter(TEXT)}
    assert {"none", "channel", "training time, times that of none"} <= words
    assert {"saved memory, times that of none", "points of accuracy over none"} <= words


def test_without_a_baseline_there_is_a_table_and_no_plot(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", {"channel": TWO["channel"]})
    write_extra(folder, "cost-0-0", stored("channel"))
    page = page_of(folder)
    assert page.row("channel", "1,010") == ["channel", "1,010", "2,000", "300", "3.0", "2.0"]
    assert "Which variant pays" not in page.text


def test_a_study_without_costs_says_how_to_get_them(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", TWO)
    assert list_variant_costs(read_study(folder)) == []
    assert "without --no-extras" in page_of(folder).text


def test_times_are_of_training_alone(study: Path) -> None:
    for cost in list_variant_costs(read_study(study)):
        assert cost["epoch_seconds"] == 1.0
        assert cost["seconds"] == 11.0


def test_the_layers_and_the_old_memory_are_those_stored(study: Path) -> None:
    page = page_of(study)
    assert page.row("head Linear") == ["head Linear", "Nx10", "7"]
    assert page.row("none", "3.00") == ["none", "3.00", "0.5000", "0.0625"]
    assert not [row for row in page.rows if row[:1] == ["channel"] and row[-1] == "0.0938"]


def test_the_result_has_time_and_memory_where_they_are_known(study: Path) -> None:
    assert page_of(study).row("channel", "3")[-3:] == ["2,202,122", "2.0", "3.0+50.0 %"]
