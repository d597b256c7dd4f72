"""`foveal cost`: tables, JSON, the torchsummary table, stored costs."""

import json
from pathlib import Path

import pytest

from cli.cli_runs import join_lines, run_foveal
from foveal.cli import main
from foveal.study import Study
from study.small_study import change


def run_cost(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    return run_foveal(capsys, "cost", *arguments)


def test_one_variant_gives_a_table_of_layers(capsys: pytest.CaptureFixture[str]) -> None:
    out = run_cost(capsys, "--attention", "cbam", "--device", "meta")
    assert max(map(len, out.splitlines())) <= 100
    assert "hidden" in out
    assert "2,205,348" in out
    assert "blocks.0.relu" in out


def test_several_variants_give_a_row_each(capsys: pytest.CaptureFixture[str]) -> None:
    names = "none,channel,spatial,bam,cbam"
    options = ("--attention", names, "--device", "meta")
    out = run_cost(capsys, "--model", "resnet18", "--input", "3x64x64", *options)
    assert max(map(len, out.splitlines())) <= 100
    rows = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert [row for row in rows if row in names.split(",")] == names.split(",")
    content = json.loads(run_cost(capsys, "--model", "convnet", *options, "--json"))
    assert list(content["variants"]) == names.split(",")
    assert content["variants"]["cbam"]["sites"][0]["saved_bytes"] > 0


def test_explains_the_torchsummary_table(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", "convnet", "--attention", "none,cbam", "--explain-torchsummary")
    out = run_cost(capsys, *options)
    for figure in ("670.67", "669.32", "1.4377", "2.7912", "2,202,122", "2,205,348"):
        assert figure in out
    assert "print the second number too" in join_lines(out)
    assert main(["cost", "--attention", "none,spatial", "--explain-torchsummary"]) == 2
    assert "--attention none,cbam" in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["32", "3x32", "3x0x4", "axbxc"])
def test_rejects_wrong_shapes(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--input", shape]) == 2
    assert f"Found `input = {shape}`" in capsys.readouterr().err


def test_prints_the_stored_costs_of_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    study = Study.open(folder, change(seeds=1, attention="none,cbam"))
    study.run(with_extras=False)
    assert main(["cost", str(folder)]) == 1
    assert "--no-extras" in capsys.readouterr().err
    study.run()
    content = json.loads(run_cost(capsys, str(folder), "--json"))
    plain, cbam = content["variants"]
    assert (plain["parameters"], cbam["parameters"]) == (2_202_122, 2_205_348)
    assert [site["site"] for site in cbam["sites"]] == [f"blocks.{k}.relu" for k in range(3)]
    assert "cbam" in run_cost(capsys, str(folder))
