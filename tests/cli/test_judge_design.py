"""Sequential judgments on the command line: the design, JSON, exit codes; self-checks."""

from pathlib import Path

import pytest

from cli.cli_runs import join_lines, run_foveal
from cli.test_judge import read_output, write_table
from foveal.cli import main
from foveal.stats import plan_looks

NONE = [70.11, 70.42, 69.93, 70.24, 70.35, 69.86]
CBAM = [75.21, 75.62, 75.13, 75.34, 75.45, 75.26]
BAM = [70.91, 70.02, 70.63, 69.74, 70.85, 70.36]


def write_first(tmp_path: Path, count: int = 1, **more: list[float]) -> tuple[str, str]:
    runs = {"none": NONE[:count], "cbam": CBAM[:count], "bam": BAM[:count], **more}
    return write_table(tmp_path / "runs.csv", "test_acc", **runs), str(tmp_path / "design.toml")


def test_first_call_writes_the_design_and_later_ones_keep_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, design = write_first(tmp_path)
    begin = ["judge", table, "--design", design, "--max-seeds", "6", "--margin", "0.5"]
    text = join_lines(run_foveal(capsys, *begin))
    assert "Next runs: none, cbam and bam with seeds 1 to 3." in text
    assert f"Wrote{design}:" in "".join(text.split())  # a long path breaks anywhere
    written = Path(design).read_bytes()
    write_first(tmp_path, 4)
    text = join_lines(run_foveal(capsys, *begin))
    assert "cbam: better, the interval from" in text
    assert "decided after 4 of at most 6 seeds" in text
    assert "bam: at 4 seeds +0.15 points" in text
    assert "Next runs: none and bam with seed 4." in text
    assert "The 5 % are spent over the looks at 4, 5 and 6 seeds" in text
    assert run_foveal(capsys, "judge", table, "--design", design)
    assert Path(design).read_bytes() == written


def test_json_has_looks_boundary_and_next_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, design = write_first(tmp_path)
    options = [table, "--design", design, "--max-seeds", "6", "--margin", "0.5"]
    assert read_output(capsys, *options)["exit_code"] == 11
    write_first(tmp_path, 4)
    output = read_output(capsys, *options)
    assert output["design"]["looks"] == [4, 5, 6]
    assert output["design"]["difference_levels"] == list(
        plan_looks(6, comparisons=2).difference_levels
    )
    cbam, bam = output["comparisons"]
    assert (cbam["verdict"], cbam["sequential"]["stop"]) == ("better", "verdict")
    assert bam["sequential"]["next_look"] == 5
    (look,) = bam["sequential"]["looks"]
    assert look["seeds"] == 4
    assert 0 < bam["next_boundary"] < look["interval"][1] - look["interval"][0]
    assert cbam["next_boundary"] is None
    assert {run["variant"]: run["next_seeds"] for run in output["runs"]} == {
        "none": [4],
        "cbam": [],
        "bam": [4],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--margin", "0.4"], "Found --margin 0.4"),
        (["--max-seeds", "20"], "with --max-seeds 6"),
        (["--baseline", "bam"], "with --baseline none"),
        (["--value-column", "seed"], "The outcome of the design is 'test_acc'"),
    ],
)
def test_another_margin_outcome_or_baseline_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    table, design = write_first(tmp_path)
    run_foveal(capsys, "judge", table, "--design", design, "--max-seeds", "6", "--margin", "0.5")
    assert main(["judge", table, "--design", design, *options]) == 2
    assert message in join_lines(capsys.readouterr().err)


def test_runs_beyond_a_look_and_new_variants_are_usage_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, design = write_first(tmp_path, 5)
    assert main(["judge", table, "--design", design, "--max-seeds", "6"]) == 2
    assert "before its first look" in join_lines(capsys.readouterr().err)
    assert not Path(design).exists()
    assert main(["judge", table, "--design", design]) == 2
    assert "Add --max-seeds" in join_lines(capsys.readouterr().err)
    write_first(tmp_path)
    run_foveal(capsys, "judge", table, "--design", design, "--max-seeds", "6")
    write_first(tmp_path, 4, bam=BAM)
    assert main(["judge", table, "--design", design, "--exit-code"]) == 2
    assert "'bam' has runs beyond its look at 5 seeds" in join_lines(capsys.readouterr().err)
    write_first(tmp_path, 4, se=BAM[:4])
    assert main(["judge", table, "--design", design]) == 2
    assert "The design has no variant 'se'" in join_lines(capsys.readouterr().err)


def test_exit_codes_of_a_design(tmp_path: Path) -> None:
    table, design = write_first(tmp_path)
    call = ["judge", table, "--design", design, "--max-seeds", "6", "--exit-code"]
    assert main(call) == 11
    write_table(tmp_path / "runs.csv", none=CBAM[:4], cbam=NONE[:4], bam=BAM[:4])
    assert main(call) == 12


def test_self_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, _ = write_first(tmp_path, 6)
    text = join_lines(run_foveal(capsys, "judge", table, "--self-check", "200"))
    assert "of 200 random splits of the 6 runs of none into halves of 3 (10 different ones" in text
    assert "Both halves are the same method, and about 2.5 % are expected." in text
    output = read_output(capsys, table, "--self-check", "200")
    assert output == read_output(capsys, table, "--self-check", "200")
    (check,) = output["self_checks"]
    assert f"{check['different']} were called different" in text
    assert main(["judge", write_first(tmp_path, 3)[0], "--self-check", "200"]) == 2
    assert "at least 4 runs" in capsys.readouterr().err
