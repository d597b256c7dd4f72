"""The command `foveal judge`: text, JSON, exit codes, and what it imports."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

import foveal.cli.console
from cli.cli_runs import join_lines, run_foveal
from cli.test_app import loaded_modules
from foveal.cli import main
from foveal.cli.judge_schema import JudgeOutput

ULTRALYTICS = Path(__file__).parents[1] / "fixtures" / "other_runs" / "ultralytics"
NONE = [76.36, 75.94, 76.38, 76.03, 76.37]
CBAM = [78.20, 78.55, 78.23, 78.26, 78.16]
GOLDEN = """\
test_acc, final values

 variant  runs     mean in %  diff. to none  97.5 % interval  verdict
 ──────────────────────────────────────────────────────────────────────
 none        5  76.22 ± 0.21              –                –  baseline
 cbam        5  78.28 ± 0.16          +2.06   [+1.73, +2.40]  better
 bam         5  76.21 ± 0.23           0.00   [−0.39, +0.38]  undecided

cbam: better, the interval from +1.73 to +2.40 points is above 0.
bam: undecided, the difference may be anywhere from −0.39 to +0.38 points; 5 seeds per variant find
a true difference of 0.54 points with 80 % power.
Differences in points; no margin, so none is equivalent.
Not checked Runs at chance: needs --chance and --test-images.
Not checked Steps of the test set, which bound the error: needs --test-images.
Note The column of seeds is 'seed'.
Note The column of variants is 'variant'.
Note The column of outcomes is 'test_acc'.
Note The baseline is 'none'.
Note No margin was given, so no variant can be equivalent: add --margin.

Compared with none: cbam is better by 2.06 points (interval +1.73 to +2.40); bam is undecided, 0.00
points (interval −0.39 to +0.38).
Next: a new table with none, cbam and bam with seeds 100 to 109. More seeds in this table, until a
difference shows, would be wrong too often."""


def write_table(path: Path, name: str = "test_acc", **values: list[float]) -> str:
    rows = [
        f"{variant},{seed},{value}"
        for variant, each in values.items()
        for seed, value in enumerate(each)
    ]
    path.write_text("\n".join([f"variant,seed,{name}", *rows, ""]))
    return str(path)


def read_output(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(run_foveal(capsys, "judge", *arguments, "--json"))
    JudgeOutput.model_validate(content, strict=False)
    return content


def test_text_of_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foveal.cli.console.stdout, "width", 100)
    bam = [76.21, 75.93, 76.41, 76.04, 76.47]
    path = write_table(tmp_path / "runs.csv", none=NONE, cbam=CBAM, bam=bam)
    text = run_foveal(capsys, "judge", path)
    assert [line.rstrip() for line in text.splitlines()] == GOLDEN.splitlines()


def test_json_is_in_the_unit_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    percent = write_table(tmp_path / "a.csv", none=NONE, cbam=CBAM)
    fractions = write_table(
        tmp_path / "b.csv",
        none=[value / 100 for value in NONE],
        cbam=[value / 100 for value in CBAM],
    )
    (first,) = read_output(capsys, percent, "--margin", "0.5")["comparisons"]
    (second,) = read_output(capsys, fractions, "--margin", "0.005")["comparisons"]
    assert first["difference"] == pytest.approx(2.064)
    assert second["difference"] == pytest.approx(0.02064)
    assert first["verdict"] == second["verdict"] == "better"
    assert first["interval"] == pytest.approx([100 * end for end in second["interval"]])


def test_json_of_a_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path / "a.csv", "loss", adam=[2.1, 2.2, 2.15], sgd=[1.1, 1.2, 1.1])
    output = read_output(capsys, path, "--baseline", "adam", "--lower-is-better")
    (comparison,) = output["comparisons"]
    low, high = comparison["interval"]
    assert comparison["verdict"] == "better"
    assert low < comparison["difference"] < high < 0
    assert comparison["mean"] == pytest.approx(3.4 / 3)


def test_exit_codes(tmp_path: Path) -> None:
    path = write_table(tmp_path / "runs.csv", none=NONE, cbam=CBAM)
    worse = write_table(tmp_path / "worse.csv", none=CBAM, cbam=NONE)
    assert main(["judge", path, "--exit-code"]) == 0
    assert main(["judge", path, "--exit-code", "--margin", "9"]) == 10
    assert main(["judge", worse]) == 0
    assert main(["judge", worse, "--exit-code"]) == 12
    assert main(["judge", str(tmp_path / "gone.csv"), "--exit-code"]) == 2


def test_best_epochs_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path / "runs.csv", "best_acc", none=NONE, cbam=CBAM)
    assert main(["judge", path]) == 2
    assert "--allow-best" in join_lines(capsys.readouterr().err)
    assert "best epochs" in run_foveal(capsys, "judge", path, "--allow-best")
    assert read_output(capsys, path, "--allow-best")["best_epochs"]


@pytest.mark.parametrize("is_folder", [False, True])
def test_judge_imports_neither_torch_nor_matplotlib(is_folder: bool, tmp_path: Path) -> None:
    path = write_table(tmp_path / "runs.csv", none=NONE, cbam=CBAM)
    loaded = loaded_modules("judge", *([str(ULTRALYTICS), "--json"] if is_folder else [path]))
    assert not {"torch", "matplotlib", "pandas", "pyarrow"} & loaded
    assert "foveal.stats.table_verdicts" in loaded


def test_files_and_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path / "runs.csv", none=NONE, cbam=CBAM)
    page, table = tmp_path / "page.html", tmp_path / "table.tex"
    text = run_foveal(
        capsys, "judge", path, "--html", str(page), "--latex", str(table), "--markdown", "-"
    )
    assert text.startswith("**Better.** Compared with `none`: `cbam` is better by 2.06 points")
    assert "Note" not in text
    assert "<title>Is cbam better than none? Better.</title>" in page.read_text(encoding="utf-8")
    assert r"\toprule" in table.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "options",
    [
        ["--markdown", "-", "--json"],
        ["--markdown", "-", "--latex", "-"],
        ["--markdown", "--json"],
        ["--html", "gone/page.html"],
    ],
)
def test_files_that_cannot_be_written(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "runs.csv", none=NONE, cbam=CBAM)
    assert main(["judge", path, *options]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert options[0].lstrip("-") in output.err


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"none": [70.1, float("nan"), 70.3]}, [], "Found 'nan' for 'none' in row 2"),
        ({}, ["--baseline", "plain"], "There is no variant 'plain'. Choose from: none, cbam."),
        ({}, ["--margin", "200"], "in the unit of the values, which are percent"),
        ({}, ["--chance", "10"], "between 0 and 1, as a fraction"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(
    change: dict[str, list[float]],
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = {"none": NONE[:3], "cbam": CBAM[:3], **change}
    path = write_table(tmp_path / "runs.csv", "test_acc", **runs)
    assert main(["judge", path, *options]) == 2
    assert message in join_lines(capsys.readouterr().err)


def test_cells_with_percent_signs_are_percent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(
        "variant,seed,acc\n"
        + "".join(f"none,{seed},{value}%\n" for seed, value in enumerate(NONE))
        + "".join(f"cbam,{seed},{value} %\n" for seed, value in enumerate(CBAM))
    )
    (comparison,) = read_output(capsys, str(path))["comparisons"]
    assert comparison["difference"] == pytest.approx(2.064)


def test_data_sets_have_a_verdict_each_and_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"data{data},{variant},{seed},{0.5 + 0.05 * data + 0.003 * seed * (1 + data) + gain * (1 + data)}"
        for data in range(5)
        for variant, gain in (("none", 0.0), ("cbam", -0.01))
        for seed in range(3)
    ]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["data,variant,seed,val_loss", *rows, ""]))
    options = ("--data-column", "data", "--lower-is-better")
    output = read_output(capsys, str(path), *options)
    assert [each["data"] for each in output["comparisons"]] == [f"data{n}" for n in range(5)]
    (summary,) = output["data_summaries"]
    low, high = summary["interval"]
    lowest, highest = summary["prediction_interval"]
    assert lowest < low < summary["difference"] < high < highest
    assert summary["difference"] < 0 < summary["sd"]
    text = join_lines(run_foveal(capsys, "judge", str(path), *options))
    assert "Over 5 data sets, cbam differs from none by −0.0" in text
    assert "On another data set, the difference is expected from" in text
    markdown = run_foveal(capsys, "judge", str(path), *options, "--markdown", "-")
    assert "Over 5 data sets, `cbam` differs" in markdown


def test_a_folder_of_runs_with_a_design(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = tmp_path / "first"
    for run in ULTRALYTICS.glob("*-seed0"):
        copytree(run, first / run.name)
    design = ("--design", str(tmp_path / "design.toml"))
    named = ("--value-column", "metrics/accuracy_top1", "--allow-best")
    run_foveal(capsys, "judge", str(first), *design, *named, "--max-seeds", "5")
    output = read_output(capsys, str(ULTRALYTICS), *design)
    assert output["outcome"] == "best metrics/accuracy_top1"
    assert output["design"]["seeds"] == [0, 1, 2, 3, 4]
    assert output["comparisons"][0]["seeds"] == 5
    assert main(["judge", str(ULTRALYTICS), *design, "--value-column", "val/loss"]) == 2
    assert "--value-column val/loss" in join_lines(capsys.readouterr().err)
