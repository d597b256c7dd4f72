"""Files of tables, as spreadsheets and programs write them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from foveal.analysis.run_tables import read_table_file
from foveal.errors import UsageError

FRAME = pd.DataFrame(
    {"variant": ["none", "cbam, r=8"], "seed": [0, 0], "test_acc": [0.7125, 0.7375]}
)


def test_every_format_has_the_same_columns(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    FRAME.to_csv(tmp_path / "c.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    FRAME.to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    FRAME.to_parquet(tmp_path / "e.parquet")
    for path in sorted(tmp_path.iterdir()):
        columns = read_table_file(path)
        assert list(columns) == list(FRAME)
        assert columns["variant"] == ["none", "cbam, r=8"]
        values = [float(str(cell).replace(",", ".")) for cell in columns["test_acc"]]
        assert values == [0.7125, 0.7375]


def test_a_missing_entry_of_json_lines_is_none(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(json.dumps({"a": 1}) + "\n\n" + json.dumps({"a": 2, "b": 3}) + "\n")
    assert read_table_file(path) == {"a": [1, 2], "b": [None, 3]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("runs.xlsx", "", "should be one of"),
        ("runs.csv", "variant,seed\n", "has no runs"),
        ("runs.csv", "a,a\n1,2\n", "two columns of one name"),
        ("runs.csv", "a,b\n1,2\n1\n", "Line 3"),
        ("runs.jsonl", "[1]\n", "one JSON object"),
        ("runs.jsonl", "{\n", "one JSON object"),
        ("runs.parquet", "PAR", "not a Parquet file"),
    ],
)
def test_files_that_are_no_tables_are_refused(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table_file(tmp_path / name)
    with pytest.raises(UsageError, match="There is no file"):
        read_table_file(tmp_path / "gone.csv")
