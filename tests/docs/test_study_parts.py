"""The generated parts of the page on studies say what their sources hold."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from foveal.cli.json_schema import AblateOutput, ComparisonOutput, McNemarOutput, RunOutput

ROOT = Path(__file__).parents[2]
FOUND = json.loads((ROOT / "benchmarks" / "results" / "calibration.json").read_text())
REAL = {"file": "runs.csv", "runs": 20, "sd": 0.0042}


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("study_parts")


@pytest.mark.parametrize(
    ("real", "said", "not_said"),
    [
        (None, "as normal numbers do.", "real ones"),
        (
            REAL,
            "the 20 runs of `none` in `runs.csv`, whose standard deviation is 0.42 points.",
            "do.",
        ),
    ],
)
def test_calibration_says_where_its_deviations_are_from(
    parts: ModuleType, real: object, said: str, not_said: str
) -> None:
    text = "\n".join(parts.calibration({**FOUND, "real": real}))
    assert said in text
    assert not_said not in text


def test_calibration_has_every_row_and_its_command(parts: ModuleType) -> None:
    rows = [{**FOUND["rows"][0], "deviations": name} for name in ("normal", "real")]
    text = "\n".join(parts.calibration({**FOUND, "rows": rows, "command": "the command"}))
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")] == [
        "deviations", "---", "normal", "real",
    ]  # fmt: skip
    assert "`the command`" in text


def test_every_field_of_the_output_is_documented(parts: ModuleType) -> None:
    text = "\n".join(parts.schema(AblateOutput))
    for model in (AblateOutput, RunOutput, ComparisonOutput, McNemarOutput):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` | " in text
            assert field.description
            assert field.description in text


def test_types_are_those_of_json(parts: ModuleType) -> None:
    types = {name: field.annotation for name, field in ComparisonOutput.model_fields.items()}
    assert parts.type_of(types["interval"]) == "[number, number] or null"
    assert parts.type_of(types["mcnemar"]) == "**McNemar** or null"
    assert parts.type_of(types["exceeds_planned_seeds"]) == "true or false"
