"""`plan`, `ablate` and `status` as their users meet them."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.cli.json_schema import AblateOutput
from foveal.cli.live_status import format_duration
from foveal.training import count_cpu_cores

SMALL = [
    "--train-size", "100", "--test-size", "50", "--batch-size", "50",
    "--threads", "1", "--dtype", "float32", "--attention", "none,cbam",
]  # fmt: skip
SHORT = [*SMALL, "--epochs", "1"]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return " ".join(capsys.readouterr().out.split())


def test_json_has_its_documented_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seeds in "1", "3", "4":
        arguments = ["ablate", *SHORT, "--seeds", seeds, "--out", str(tmp_path / "study"), "--json"]
        content = json.loads(printed(capsys, *arguments))
        assert content["schema"] == 2
        found = AblateOutput.model_validate(content, strict=False)
        assert set(content) == set(AblateOutput.model_json_schema()["properties"])
        assert len(found.runs) == 2 * int(seeds)
        (comparison,) = found.comparisons
        assert comparison.planned_seeds == 1
        assert comparison.exceeds_planned_seeds == (seeds != "1")
        assert (comparison.mcnemar is None) == (seeds != "1")
        assert (comparison.interval is None) == (comparison.seeds < 3)
        assert (comparison.standard_error_images is None) == (seeds == "1")


def test_schema_has_a_meaning_for_every_field() -> None:
    schema = AblateOutput.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in part["properties"].values())


def test_one_run_per_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "ablate", *SHORT, "--seeds", "1", "--out", str(tmp_path / "study"))
    assert "one run per variant says nothing about the method" in out
    assert "McNemar" in out
    assert "undecided" in out


def test_two_runs_per_arm_claim_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "ablate", *SHORT, "--seeds", "2", "--out", str(tmp_path / "study"))
    assert "two runs per variant are too few for a useful interval" in out
    assert not {"better", "worse", "equivalent"} & set(out.replace(",", " ").split())


def test_planned_for_three_and_shown_at_five(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["ablate", *SHORT, "--out", str(tmp_path / "study"), "--seeds"]
    assert "planned for" not in printed(capsys, *command, "3")
    assert "planned for 3 seeds and evaluated at 5" in printed(capsys, *command, "5")
    assert "planned for 3 seeds" in (tmp_path / "study" / "report.html").read_text()


def test_a_grid_has_a_table_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seeds", "1", "--grid.batch-size", "25,50", "--out", str(tmp_path / "study")]
    out = printed(capsys, "ablate", *SHORT, *options)
    assert "final epoch: batch_size=25" in out
    assert "final epoch: batch_size=50" in out
    content = json.loads(printed(capsys, "ablate", *SHORT, *options, "--json"))
    assert [run["cell"] for run in content["runs"]][::2] == ["batch_size=25", "batch_size=50"]
    assert [c["cell"] for c in content["comparisons"]] == ["batch_size=25", "batch_size=50"]


def test_shards_say_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ablate", *SHORT, "--seeds", "1", "--out", str(tmp_path / "study")]
    assert "2 runs, 1 of them trained now; 1 still missing" in printed(
        capsys, *command, "--shard", "1/2"
    )
    assert "1 of them trained now" in printed(capsys, *command, "--shard", "2/2")


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["plan", *SHORT, "--sd", "0.4", "--detect", "0.5"]
    content = json.loads(printed(capsys, *options, "--json"))
    assert content["seeds_needed"] == 12
    assert content["runs"] == 6
    assert content["seconds"] > 0
    out = printed(capsys, *options)
    assert "12 seeds to detect 0.5 points" in out
    assert "sd 0.4 points from run to run (given)" in out


def test_a_plan_takes_as_many_workers_as_there_are_cores_for_the_threads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = json.loads(printed(capsys, "plan", *SHORT, "--workers", "0", "--json"))
    assert content["workers"] == count_cpu_cores()


def test_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "study")
    command = ["ablate", *SHORT, "--seeds", "1", "--out", folder]
    printed(capsys, *command, "--shard", "1/2")
    content = json.loads(printed(capsys, "status", folder, "--json"))
    assert (content["complete"], content["missing"]) == (1, 1)
    assert [run["state"] for run in content["runs"]] == ["complete", "missing"]
    assert "1 complete, 1 missing" in printed(capsys, "status", folder)


def test_a_damaged_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    command = ["ablate", *SHORT, "--seeds", "1", "--out", str(folder)]
    printed(capsys, *command)
    run = next((folder / "runs").glob("none-*"))
    (run / "predictions.npz").write_bytes(b"")
    assert main(command) == 0
    said = capsys.readouterr()
    assert f"It was set aside as {run.name}.damaged." in " ".join(said.err.split())
    assert "1 of them trained now" in said.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--workers", "-1"], "Parameter `workers` should be greater than or equal to 0"),
        (["--workers", "2", "--ray", "local"], "Parameter `workers` should be left out with `ray`"),
        (["--shard", "3/2"], "Parameter `shard` should be i/n"),
        (["--grid.modell", "convnet"], "Did you mean 'model'"),
        (["--margin", "0"], "Parameter `margin` should be greater than 0"),
        (["--weights", "missing.pt"], "missing.pt"),
        (["--device", "mps"], "Parameter `device` should be a device of this machine (cpu"),
        (["--gpus-per-run", "1"], "Parameter `gpus_per_run` should be left out without `ray`"),
    ],
    ids=str,
)
def test_wrong_use(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", *SHORT, *options, "--out", str(tmp_path / "study")]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_is_told_and_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--seeds", "1", "--learning-rate", "1e30", "--label-smoothing", "0"]
    assert main(["ablate", *SHORT, *options, "--out", str(tmp_path / "study")]) == 1
    assert "2 of 2 runs failed" in capsys.readouterr().err


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seeds", "1", "--learning-rate", "1e30", "--label-smoothing", "0"]
    assert main(["ablate", *SHORT, *options, "--out", str(tmp_path / "a[b]")]) == 1
    assert "runs failed" in capsys.readouterr().err
    folder = str(tmp_path / "c[d]")
    assert folder in printed(capsys, "ablate", *SHORT, "--seeds", "1", "--out", folder)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    command = [
        sys.executable,
        "-m",
        "foveal",
        "ablate",
        *SMALL,
        "--epochs=500",
        "--out",
        str(folder),
    ]
    started = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs this in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(folder.glob("runs/*.partial/checkpoint.pt")):
        assert started.poll() is None
        time.sleep(0.05)  # an epoch has to be done; nothing hangs on how long that takes
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Interrupted. Finished runs are kept" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(59.6, "60 s"), (61, "1 min"), (3600, "1 h"), (5400, "1 h 30 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
