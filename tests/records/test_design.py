"""The design of a study: written, read, and searched for the cell of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from foveal.errors import CorruptRecordError, UsageError
from foveal.records import Cell, Design, read_design, write_design

CELLS = (
    Cell({"data": "/images/a", "data_checksum": "1"}, {"same-time:like=cbam": 4}, {"cbam": "conv"}),
    Cell({"data": "/images/b", "data_checksum": "2"}),
)
DESIGN = Design({"model": "convnet", "epochs": 2}, ("none", "cbam"), 3, 2, 0.5, 0.5, CELLS)


def test_design_is_read_as_written(tmp_path: Path) -> None:
    write_design(tmp_path, DESIGN)
    assert read_design(tmp_path) == DESIGN


def test_counts() -> None:
    assert DESIGN.comparison_count == 2
    assert DESIGN.run_count == 12


def test_contrasts_count_as_comparisons() -> None:
    controls = ("se", "wide:like=cbam", "same-time:like=bam:reduction=8")
    variants = ("none", "cbam", "bam:reduction=8", *controls)
    design = replace(DESIGN, variants=variants, controls=controls)
    assert design.contrasts == (
        ("cbam", "se"),
        ("cbam", "wide:like=cbam"),
        ("bam:reduction=8", "se"),
        ("bam:reduction=8", "same-time:like=bam:reduction=8"),
    )
    assert design.comparison_count == 2 * (5 + 4)
    assert replace(DESIGN, controls=("wide:like=bam",)).contrasts == ()


def test_controls_are_read_as_written(tmp_path: Path) -> None:
    design = replace(DESIGN, variants=("none", "cbam", "se"), controls=("se",))
    write_design(tmp_path, design)
    assert read_design(tmp_path) == design


def test_earlier_studies_have_no_controls(tmp_path: Path) -> None:
    write_design(tmp_path, DESIGN)
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("controls = []\n", ""))
    assert "controls" not in path.read_text()
    assert read_design(tmp_path) == DESIGN


def test_cell_is_found_by_what_identifies_a_result() -> None:
    config = {**DESIGN.get_config(CELLS[1], "cbam"), "seed": 7}
    assert DESIGN.find_cell(config) == CELLS[1]
    assert DESIGN.find_cell(config | {"data": "/moved/b"}) == CELLS[1]
    assert DESIGN.find_cell(config | {"data_checksum": "3"}) is None
    assert DESIGN.find_cell(config | {"attention": "bam"}) is None


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("schema = 2\n", CorruptRecordError, "lacks cells, margin"),
        ("schema = ", CorruptRecordError, "is damaged"),
        ("", UsageError, "is not a study"),
    ],
)
def test_refuses_other_files(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    if text:
        (tmp_path / "study.toml").write_text(text)
    with pytest.raises(error, match=message):
        read_design(tmp_path)


def test_refuses_unknown_keys_of_a_cell(tmp_path: Path) -> None:
    write_design(tmp_path, DESIGN)
    path = tmp_path / "study.toml"
    path.write_text(path.read_text().replace("[cells.where]", "[cells.places]"))
    with pytest.raises(CorruptRecordError, match="'places'"):
        read_design(tmp_path)
