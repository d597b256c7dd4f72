"""`foveal ablate`: verdicts by number of seeds, JSON schema, grids, shards, damaged and failed runs."""

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from cli.cli_runs import SMALL_RUN, join_lines, run_foveal
from foveal.cli import main
from foveal.cli.ablate_schema import AblateOutput
from foveal.cli.execution import RunExtra
from foveal.records import read_study
from foveal.records.manifest import write_manifest
from foveal.study.extras_registry import RUN_EXTRAS
from kernels.comparison import requires_native_kernels

# Extras take most of the time of a small run; tests of the study and of README store them.
ABLATE = ["ablate", *SMALL_RUN, "--attention", "none,cbam", "--no-extras"]
CONTINUE = "Ctrl-C stops; the same command continues."
DIVERGING = ["--learning-rate", "1e30", "--label-smoothing", "0"]


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> AblateOutput:
    """Run `ablate --json` and return its output, checked against the schema."""
    content = json.loads(run_foveal(capsys, *ABLATE, *arguments, "--json"))
    assert content["schema"] == 2
    assert set(content) == set(AblateOutput.model_json_schema()["properties"])
    return AblateOutput.model_validate(content, strict=False)


@pytest.fixture(scope="module")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablate") / "study"
    assert main([*ABLATE, "--seeds", "1", "--out", str(folder)]) == 0
    return folder


def test_output_by_number_of_seeds(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder)
    options = ["--out", str(folder), "--seeds"]

    lines = run_foveal(capsys, *ABLATE, *options, "1").splitlines()
    assert lines[-1] == f"Report: {folder / 'report.html'}"
    assert any(line.startswith("Does CBAM help ConvNet on scenes? Not") for line in lines[-7:-1])
    text = join_lines("\n".join(lines))
    assert "one run per variant says nothing about the method" in text
    assert "McNemar" in text
    assert "undecided" in text
    assert "planned for" not in text
    assert "2 runs, 0 of them trained now" in text

    text = run_foveal(capsys, *ABLATE, *options, "2")
    assert max(map(len, text.splitlines())) <= 100 or str(folder) in text
    assert "two runs per variant are too few for a useful interval" in join_lines(text)
    assert "planned for 1 seed and evaluated at 2" in join_lines(text)
    verdicts = join_lines(text).replace("is better than guessing", "")
    assert not re.search(r"\b(better|worse|equivalent)\b", verdicts)
    assert "planned for 1 seed" in (folder / "report.html").read_text()


def test_json_by_number_of_seeds(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder)
    for seeds, trained in ((1, 0), (3, 4), (4, 2)):
        output = read_json(capsys, "--out", str(folder), "--seeds", str(seeds))
        assert output.trained == trained
        assert len(output.runs) == 2 * seeds
        (comparison,) = output.comparisons
        assert comparison.planned_seeds == 1
        assert comparison.exceeds_planned_seeds == (seeds > 1)
        assert (comparison.mcnemar is None) == (seeds > 1)
        assert (comparison.interval is None) == (seeds < 3)
        assert (comparison.standard_error_images is None) == (seeds < 3)
        if seeds < 3:
            assert comparison.verdict == "undecided"


def test_adds_the_baseline_and_says_so(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder)
    command = ["ablate", *SMALL_RUN, "--attention", "cbam", "--no-extras", "--seeds", "1", "--json"]
    assert main([*command, "--out", str(folder)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["trained"] == 0
    first_line, second_line, *_ = captured.err.splitlines()
    assert first_line.startswith("Added the variant none, the network without attention")
    assert "2 runs of 1 epoch (2 variants x 1 seed)" in second_line


def test_study_file_lists_what_runs_store(tmp_path: Path) -> None:
    """Without weights, the images that all runs share are stored once."""
    assert get_args(RunExtra) == tuple(RUN_EXTRAS)
    text = 'extras = ["occlusion"]\nseeds = 1\nkeep_weights = "none"\nattention = "none,channel"\n'
    (tmp_path / "study.toml").write_text(text)
    folder, options = tmp_path / "study", ["--config", str(tmp_path / "study.toml")]
    assert main(["ablate", *SMALL_RUN, *options, "--out", str(folder)]) == 0
    first, second = read_study(folder).runs
    assert set(first.extras) == set(second.extras) == {"occlusion"}
    assert set(first.extras["occlusion"]) - set(second.extras["occlusion"]) == {"shown_images"}
    assert "has not stored occlusion maps" not in (folder / "report.html").read_text()
    assert main(["ablate", *SMALL_RUN, "--extras", "maps", "--out", str(tmp_path / "other")]) == 2


def test_every_field_of_the_schema_has_a_description() -> None:
    schema = AblateOutput.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        assert all(field.get("description") for field in part["properties"].values())


def test_grid_has_a_table_per_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seeds", "1", "--grid.batch-size", "25,50", "--out", str(tmp_path / "study")]
    text = join_lines(run_foveal(capsys, *ABLATE, *options))
    cells = ["batch_size=25", "batch_size=50"]
    assert all(f"for testing; {cell}" in text for cell in cells)
    output = read_json(capsys, *options)
    assert [run.cell for run in output.runs][::2] == cells
    assert [comparison.cell for comparison in output.comparisons] == cells


def test_shards_and_status_count_missing_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "study")
    command = [*ABLATE, "--seeds", "1", "--out", folder, "--shard"]
    text = run_foveal(capsys, *command, "1/2")
    assert (
        "2 runs, 1 of them trained now; waiting for 1 run of other shards: run again"
        in join_lines(text)
    )
    content = json.loads(run_foveal(capsys, "status", folder, "--json"))
    assert (content["complete"], content["missing"]) == (1, 1)
    assert [run["state"] for run in content["runs"]] == ["complete", "missing"]
    assert "1 complete, 1 missing" in run_foveal(capsys, "status", folder)
    assert "1 of them trained now" in join_lines(run_foveal(capsys, *command, "2/2"))


def test_damaged_run_is_reported_and_trained_again(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder)
    run = next((folder / "runs").glob("none-*"))
    (run / "predictions.npz").write_bytes(b"")
    assert main([*ABLATE, "--seeds", "1", "--out", str(folder)]) == 0
    captured = capsys.readouterr()
    assert f"{run.name}.damaged." in join_lines(captured.err)
    assert "1 of them trained now" in join_lines(captured.out)


@pytest.mark.parametrize(
    ("options", "message"),
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
def test_rejects_wrong_options_before_creating_a_study(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "study")
    assert main([*ABLATE, *options, "--out", folder]) == 2
    *first_line, error = capsys.readouterr().err.strip().split("\n")
    assert message in error
    runs = "convnet, scenes: 10 runs of 1 epoch (2 variants x 5 seeds)"
    assert first_line in ([], [f"{runs}, in {folder}. {CONTINUE}"])
    assert list(tmp_path.iterdir()) == []


def test_failed_runs_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a[b]"  # brackets are rich markup
    assert main([*ABLATE, *DIVERGING, "--seeds", "1", "--out", str(folder)]) == 1
    assert "2 of 2 runs failed" in capsys.readouterr().err


@requires_native_kernels
def test_kernels_of_the_environment_must_be_those_of_the_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "study")
    command = [*ABLATE, "--seeds", "1", "--out", folder]
    monkeypatch.setenv("FOVEAL_KERNELS", "native")
    assert main([*command, "--kernels", "plain"]) == 2
    assert "FOVEAL_KERNELS=gate+norm+pool, but the design has kernels=plain" in read_error(capsys)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("FOVEAL_KERNELS")
    assert main([*command, "--kernels", "plain", "--shard", "1/2"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("FOVEAL_KERNELS", "native")
    assert main(command) == 2
    assert "Unset FOVEAL_KERNELS" in read_error(capsys)


def read_error(capsys: pytest.CaptureFixture[str]) -> str:
    return join_lines(capsys.readouterr().err)


def test_seeds_of_another_instruction_set_are_left_out(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished_study, folder)
    (run,) = (folder / "runs").glob("none-*")
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps(environment | {"instruction_set": "AVX9"}))
    write_manifest(run)
    shutil.rmtree(next((folder / "runs").glob("cbam-*")))
    assert main([*ABLATE, "--seeds", "2", "--out", str(folder)]) == 1
    captured = capsys.readouterr()
    assert "left out: the seed needs another instruction set" in join_lines(captured.err)
    assert "The study is not complete. Left out: 1 run of seed 0." in join_lines(captured.err)
    assert "4 runs, 2 of them trained now; 1 still missing" in join_lines(captured.out)


def test_brackets_in_paths_are_printed(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "c[d]"
    shutil.copytree(finished_study, folder)
    assert str(folder) in run_foveal(capsys, *ABLATE, "--seeds", "1", "--out", str(folder))


def test_missing_images_are_named_before_the_machine_is_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    assert main(["ablate", "--data", str(tmp_path / "photos"), "--out", str(tmp_path / "o")]) == 2
    assert "image files in train/CLASS and test/CLASS" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
