"""`foveal hypotheses`: table, sentences, JSON, and studies without an answer."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.simulated_records import SIZES, simulate_study, write_study
from cli.cli_runs import join_lines, run_foveal
from foveal.cli import main
from foveal.cli.console import stdout
from foveal.cli.hypotheses import HypothesesOutput
from foveal.records import Cell

SMALL = [
    "--train-size", "64", "--test-size", "40", "--epochs", "1", "--batch-size", "32", "--seeds", "1",
    "--attention", "none,spatial", "--threads", "1", "--dtype", "float32", "--no-extras",
]  # fmt: skip
SLOPES = {"channel": 0.0, "spatial": -0.6, "se:reduction=8": 0.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = simulate_study(SLOPES, seeds=5, planned_seeds=5, sweep=SIZES)
    return write_study(tmp_path_factory.mktemp("hypotheses") / "study", record)


def run_hypotheses(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    return run_foveal(capsys, "hypotheses", *arguments)


def test_prints_a_table_and_a_sentence_per_hypothesis(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout.width = 100  # another test may have imported the console with another width
    out = run_hypotheses(capsys, str(folder))
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    head = next(line for line in lines if "interval" in line)
    columns = "hypothesis variant effect 97.5 % interval error answer"
    assert head.split() == columns.split()
    text = join_lines(out)
    rows = [line.split() for line in lines]
    assert any({"spatial", "supported"} <= set(row) for row in rows)
    assert any(row[0] == "channel" and len(row) == 5 for row in rows if row)  # without an answer
    assert (
        "Spatial attention helps most where the object is small: supported; from object_size"
        in text
    )
    assert "Channel attention helps most where colors vary: undecided; from the 10th" in text
    assert "this does not show a cause" in text
    assert "not specific to this variant" in text


def test_json_has_its_documented_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run_hypotheses(capsys, str(folder), "--json"))
    assert content["schema"] == 2
    assert set(content) == set(HypothesesOutput.model_json_schema()["properties"])
    output = HypothesesOutput.model_validate(content, strict=False)
    small, colors = output.hypotheses
    assert (small.answer, small.source, small.property) == ("supported", "sweep", "object_size")
    assert (small.predicted, colors.predicted) == ("smaller", "larger")
    assert (colors.source, colors.property, colors.level) == ("pixels", "colorfulness", 0.975)
    assert [(e.variant, e.is_subject) for e in small.effects] == [
        ("spatial", True), ("channel", False), ("se:reduction=8", False),
    ]  # fmt: skip
    effect = small.effects[0]
    assert effect.interval is not None
    assert effect.interval[0] < effect.effect < effect.interval[1] < 0
    assert effect.interval_per_error is not None
    assert effect.effect_per_error is not None
    assert effect.interval_per_error[0] < effect.effect_per_error < effect.interval_per_error[1] < 0
    assert (effect.seeds, effect.images) == (5, 1000)


def test_every_field_of_the_schema_has_a_description() -> None:
    schema = HypothesesOutput.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in part["properties"].values())


def test_two_seeds_give_no_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(
        write_study(tmp_path / "study", simulate_study({"spatial": -0.6}, seeds=2, sweep=SIZES))
    )
    out = join_lines(run_hypotheses(capsys, folder))
    assert "no answer; two seeds claim nothing" in out
    assert "no variant `channel`: add it with --attention none,spatial,channel" in out
    assert not {"supported", "contradicted", "undecided"} & set(out.replace(";", " ").split())
    small, _ = json.loads(run_hypotheses(capsys, folder, "--json"))["hypotheses"]
    assert (small["answer"], small["effects"][0]["interval"]) == (None, None)
    assert small["effects"][0]["effect"] < 0


def test_caveats_are_shown_with_the_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = simulate_study({"spatial": 0.0})
    design = replace(record.design, cells=(Cell(epochs={"[none]": 7}),))
    folder = write_study(tmp_path / "study", replace(record, design=design))
    assert "Caveat [none] is trained for 7 epochs." in run_hypotheses(capsys, str(folder))
    content = json.loads(run_hypotheses(capsys, str(folder), "--json"))
    assert "[none] is trained for 7 epochs." in content["caveats"]


def test_study_without_runs_gives_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = simulate_study({"spatial": 0.0}, seeds=0)
    out = join_lines(run_hypotheses(capsys, str(write_study(tmp_path / "study", record))))
    assert out.count("no answer; no run of `none` is finished") == 2


def test_rejects_a_folder_that_is_not_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hypotheses", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is not a study" in captured.err


def test_trained_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "study")
    sweep = "scenes:object_size=0.25,scenes"
    command = ["ablate", *SMALL, "--grid.data", sweep, "--out", folder, "--json"]
    assert main(command) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    below, plain_below, above, plain_above = (
        next(
            r["test_accuracy"]
            for r in runs
            if (r["cell"], r["variant"]) == (f"data={data}", variant)
        )
        for data in sweep.split(",")
        for variant in ("spatial", "none")
    )
    small, colors = json.loads(run_hypotheses(capsys, folder, "--json"))["hypotheses"]
    assert (small["source"], small["low"], small["high"]) == ("sweep", 0.25, 0.4)
    assert small["reason"].startswith("one seed claims nothing")
    (effect,) = small["effects"]
    assert (effect["seeds"], effect["images"]) == (1, 40)
    assert effect["effect"] == pytest.approx(above - plain_above - (below - plain_below))
    assert "without --no-extras" in colors["reason"]
