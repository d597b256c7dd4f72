"""Tables in the terminal fit 100 columns and say what the page says."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from foveal.cli.study_tables import comparison_table
from foveal.records import read_study, write_extra
from foveal.report import compare_with_baseline
from report.test_report import page_of, write_fake_study

VARIANTS = ("none", "channel", "spatial", "parallel:where=residual", "series:order=spatial-first")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    values = {name: [0.7 + 0.01 * k, 0.71, 0.73] for k, name in enumerate(VARIANTS)}
    folder = write_fake_study(tmp_path / "study", values)
    for place in range(len(VARIANTS)):
        numbers = {
            "parameters": 10,
            "macs": 640,
            "element_operations": 64,
            "kept": 100 + 10 * place,
        }
        empty = {f"site_{name}": np.zeros(0) for name in ("parameters", "kept", "macs", "elements")}
        write_extra(
            folder,
            f"cost-{place}-0",
            {
                **{name: np.array(value) for name, value in numbers.items()},
                **empty,
                "batch_size": np.array(32),
                "uncounted": np.array([], dtype=str),
                "site": np.array([], dtype=str),
                "layers": np.zeros((0, 2), dtype=str),
                "layer_headings": np.array(["layer", "output"]),
            },
        )
    return folder


def lines_of(folder: Path, width: int) -> list[str]:
    (part,) = read_study(folder).parts()
    console = Console(file=io.StringIO(), width=width)
    console.print(comparison_table(part, compare_with_baseline(part)))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_no_line_is_longer_and_no_name_is_broken(study: Path) -> None:
    lines = lines_of(study, 100)
    assert max(map(len, lines)) <= 100
    for name in VARIANTS:
        assert any(line.strip().startswith(f"{name} ") for line in lines)


def test_differences_and_costs_are_those_of_the_page(study: Path) -> None:
    page = page_of(study)
    rows = {cells[0]: cells for line in lines_of(study, 100) if (cells := line.split())}
    for place, name in enumerate(VARIANTS[1:], 1):
        shown = page.row(name, "3")
        assert rows[name][5].replace("-", "\N{MINUS SIGN}") == shown[3]
        assert rows[name][-2:] == ["1.00", f"{1 + 0.1 * place:.2f}"]
