"""File of a sequential design: written and read back, and refused after an edit."""

import tomllib
from pathlib import Path

import pytest

from foveal.analysis.run_tables import open_design_file, read_design_file, write_design_file
from foveal.errors import UsageError
from foveal.stats import JudgeDesign, make_judge_design

TABLE = {"arm": ["none", 'c"bam'], "seed": [3, 3], "acc": [70.1, 71.3], "set": ["a", "a"]}


def make_designs() -> list[JudgeDesign]:
    return [
        make_judge_design(TABLE, max_seeds=20),
        make_judge_design(
            TABLE, max_seeds=5, margin=0.1, test_images=1000, chance=0.1, alpha=0.01,
            lower_is_better=True, data_column="set", variant_column="arm",
        ),
        make_judge_design({"none": [0.1], "best": [0.2]}, max_seeds=4),
    ]  # fmt: skip


def test_design_is_read_back(tmp_path: Path) -> None:
    for number, design in enumerate(make_designs()):
        path = tmp_path / f"{number}.toml"
        write_design_file(path, design)
        assert read_design_file(path) == design
        assert [each.name for each in tmp_path.iterdir() if "tmp" in each.name] == []
    content = tomllib.loads((tmp_path / "1.toml").read_text())
    assert content["format"] == 1
    assert content["columns"] == {"variant_column": "arm", "data_column": "set"}
    assert "looks = [4, 5]\n" in (tmp_path / "1.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("margin = 0.1", "margin = 0.2", "was changed after it was written"),
        ("looks = [4, 5]", "looks = [4, 6]", "was changed after it was written"),
        ("format = 1", "format = 2", "has format 2"),
        ("checksum", "sum", "is not a design"),
        ("format = 1", "format =", "cannot be read as a design"),
    ],
)
def test_an_edited_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "design.toml"
    write_design_file(path, make_designs()[1])
    text = path.read_text()
    path.write_text(text + "# a comment and spaces change nothing\n\n")
    read_design_file(path)
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match=message):
        read_design_file(path)


def test_a_design_needs_a_file_and_its_last_look(tmp_path: Path) -> None:
    path = tmp_path / "design.toml"
    assert open_design_file(None, None, {"margin": 1.0}) == (None, {"margin": 1.0})
    assert open_design_file(path, 20, {}) == (None, {})
    with pytest.raises(UsageError, match="Add --max-seeds"):
        open_design_file(path, None, {})
    with pytest.raises(UsageError, match="name its file with --design"):
        open_design_file(None, 20, {})
    with pytest.raises(UsageError, match="cannot be written"):
        write_design_file(tmp_path / "gone" / "design.toml", make_designs()[0])
    write_design_file(path, make_designs()[0])
    with pytest.raises(UsageError, match="with --max-seeds 20"):
        open_design_file(path, 10, {})
    design, options = open_design_file(path, 20, {"margin": None, "value_column": "acc"})
    assert design == make_designs()[0]
    assert (options["baseline"], options["value_column"]) == ("none", "acc")
