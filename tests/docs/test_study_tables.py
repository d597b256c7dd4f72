"""The generated tables of the page on studies contain the values of their sources."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from foveal.cli.ablate_schema import AblateOutput, RunOutput
from foveal.cli.comparison_schema import ComparisonOutput, McNemarOutput

ROOT = Path(__file__).parents[2]
RESULTS, PEERS, KILLS = (
    json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    for name in ("calibration", "calibration_peers", "check_kills")
)
REAL_RUNS = {"file": "runs.csv", "runs": 20, "sd": 0.0042}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("study_tables")


@pytest.mark.parametrize(
    ("real", "expected", "absent"),
    [
        (None, "deviations are normal.", "resampled"),
        (
            REAL_RUNS,
            "the 20 runs of `none` in `runs.csv`, whose standard deviation is 0.42 points.",
            "normal.",
        ),
    ],
)
def test_calibration_names_the_source_of_deviations(
    tables: ModuleType, real: object, expected: str, absent: str
) -> None:
    text = "\n".join(tables.calibration_lines({**RESULTS, "real": real}))
    assert expected in text
    assert absent not in text


def test_calibration_has_every_row_and_the_command(tables: ModuleType) -> None:
    rows = [{**RESULTS["rows"][0], "deviations": name} for name in ("normal", "real")]
    text = "\n".join(tables.calibration_lines({**RESULTS, "rows": rows, "command": "the command"}))
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")] == [
        "deviations", "---", "normal", "real",
    ]  # fmt: skip
    assert "`the command`" in text


def test_rules_have_every_row_of_the_calibration(tables: ModuleType) -> None:
    text = "\n".join(tables.rules_lines(RESULTS))
    for row in RESULTS["guessing"]["rows"]:
        shares = [f"{100 * row[name]:.2f}" for name in ("without_rule", "with_rule")]
        start = f"| {row['test_images']:,} | {100 * row['accuracy']:g} |"
        assert f"{start} {' | '.join(shares)} |" in text
    assert f"{100 * RESULTS['unequal_seeds']['with_common_seeds']:.2f} % do with the seeds" in text


def test_peers_have_every_row(tables: ModuleType) -> None:
    text = "\n".join(tables.peers_lines(PEERS))
    for row in PEERS["rows"]:
        wrong = f"{100 * row['studies_with_a_wrong_verdict']:.1f}"
        start = f"| {row['deviations']} | {row['difference']:g} | {row['method']} | {wrong} |"
        assert start in text
    assert f"`{PEERS['command']}`" in text


def test_killed_studies_end_as_the_undisturbed_one(tables: ModuleType) -> None:
    (text,) = tables.kills_lines(KILLS)
    assert "ended with the same runs" in text
    for row in KILLS["rows"]:
        assert (row["kills"], row["runs"]) == (5, KILLS["undisturbed_runs"])
        assert f"{row['form']} (5 kills, {row['runs']} runs)" in text


def test_calibration_keeps_its_bounds() -> None:
    """The rule on guessing takes no power at ordinary accuracies and gives no verdict at guessing."""
    guessing = RESULTS["guessing"]
    for row in guessing["rows"]:
        if row["accuracy"] == guessing["accuracy"]:
            assert row["with_rule"] < 0.0125 < row["without_rule"]
        else:
            assert row["with_rule"] == row["without_rule"] > 0.5
    assert RESULTS["unequal_seeds"]["with_common_seeds"] <= 0.055
    assert RESULTS["unequal_seeds"]["with_all_runs"] == pytest.approx(0.127, abs=0.02)


def test_every_field_of_the_output_is_documented(tables: ModuleType) -> None:
    text = "\n".join(tables.schema_lines(AblateOutput))
    for model in (AblateOutput, RunOutput, ComparisonOutput, McNemarOutput):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` | " in text
            assert field.description
            assert field.description in text


def test_type_names_are_those_of_json(tables: ModuleType) -> None:
    types = {name: field.annotation for name, field in ComparisonOutput.model_fields.items()}
    assert tables.type_name(types["interval"]) == "[number, number] or null"
    assert tables.type_name(types["mcnemar"]) == "**McNemar** or null"
    assert tables.type_name(types["exceeds_planned_seeds"]) == "true or false"
