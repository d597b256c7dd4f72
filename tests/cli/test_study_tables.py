"""Study tables of the terminal fit 100 columns and agree with the report."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from foveal.analysis import compare_with_baseline
from foveal.cli.study_tables import make_comparison_table
from foveal.records import read_study, write_extra
from report.fake_records import make_costs, write_fake_study
from report.report_page import read_report

VARIANTS = ("none", "channel", "spatial", "bam:where=residual", "cbam:order=spatial-first")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {name: [0.7 + 0.01 * index, 0.71, 0.73] for index, name in enumerate(VARIANTS)}
    folder = write_fake_study(tmp_path_factory.mktemp("tables") / "study", values)
    for index in range(len(VARIANTS)):
        costs = make_costs("none") | {"saved_bytes": np.array(100 + 10 * index)}
        write_extra(folder, f"cost-{index}-0", costs)
    return folder


def print_table(folder: Path, width: int) -> list[str]:
    """Return the lines of the table of a study."""
    (cell,) = read_study(folder).split_by_cell()
    file = io.StringIO()
    Console(file=file, width=width).print(make_comparison_table(cell, compare_with_baseline(cell)))
    return file.getvalue().splitlines()


def test_lines_fit_and_names_are_not_broken(study: Path) -> None:
    lines = print_table(study, 100)
    assert max(map(len, lines)) <= 100
    for name in VARIANTS:
        assert any(line.strip().startswith(f"{name} ") for line in lines)


def test_differences_and_costs_agree_with_the_report(study: Path) -> None:
    page = read_report(study)
    rows = {columns[0]: columns for line in print_table(study, 100) if (columns := line.split())}
    for index, name in enumerate(VARIANTS[1:], 1):
        shown = page.find_row(name, "3")
        assert rows[name][5].replace("-", "\N{MINUS SIGN}") == shown[3]
        assert rows[name][-2:] == ["1.00", f"{1 + 0.1 * index:.2f}"]
