"""`foveal cost` as its users meet it."""

import json
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.study import Study
from study.small_study import changed


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["cost", *arguments]) == 0
    return capsys.readouterr().out


def test_one_variant_prints_its_layers(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "--attention", "cbam", "--device", "meta")
    assert max(map(len, out.splitlines())) <= 100
    assert "hidden" in out
    assert "2,205,348" in out
    assert "blocks.0.relu" in out


def test_several_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    names = "none,channel,spatial,bam,cbam"
    options = ("--attention", names, "--device", "meta")
    out = printed(capsys, "--model", "resnet18", "--input", "3x64x64", *options)
    assert max(map(len, out.splitlines())) <= 100
    rows = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert [row for row in rows if row in names.split(",")] == names.split(",")
    told = json.loads(printed(capsys, "--model", "convnet", *options, "--json"))
    assert list(told["variants"]) == names.split(",")
    assert told["variants"]["cbam"]["sites"][0]["saved_bytes"] > 0


def test_torchsummary_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", "convnet", "--attention", "none,cbam", "--explain-torchsummary")
    out = printed(capsys, *options)
    for figure in ("670.67", "669.32", "1.4377", "2.7912", "2,202,122", "2,205,348"):
        assert figure in out
    assert "print the second number too" in " ".join(out.split())
    assert main(["cost", "--attention", "none,spatial", "--explain-torchsummary"]) == 2
    assert "--attention none,cbam" in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["32", "3x32", "3x0x4", "axbxc"])
def test_wrong_shapes(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--input", shape]) == 2
    assert f"Found `input = {shape}`" in capsys.readouterr().err


def test_a_study_has_stored_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "study"
    study = Study.open(folder, changed(seeds=1, attention="none,cbam"))
    study.run(with_extras=False)
    assert main(["cost", str(folder)]) == 1
    assert "--no-extras" in capsys.readouterr().err
    study.run()
    told = json.loads(printed(capsys, str(folder), "--json"))
    plain, cbam = told["variants"]
    assert (plain["parameters"], cbam["parameters"]) == (2_202_122, 2_205_348)
    assert [site["site"] for site in cbam["sites"]] == [f"blocks.{k}.relu" for k in range(3)]
    assert "cbam" in printed(capsys, str(folder))
