"""Deviation that a plan assumes: from an earlier study, from a pilot, or from a table."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cli.cli_runs import SMALL_RUN, join_lines, run_foveal
from foveal.cli import main
from foveal.errors import UsageError
from foveal.records import read_design, read_study
from foveal.records.manifest import write_manifest
from foveal.study import StudyConfig, plan
from foveal.study.accuracy_spread import look_up_spread, measure_spread
from foveal.study.config import SharedConfig
from foveal.study.pilot import make_pilot_config
from report.fake_records import write_fake_study
from study.small_study import change

ACCURACIES = {"none": [0.60, 0.61, 0.62], "cbam": [0.60, 0.65, 0.64, 0.66], "bam": [0.7]}
PLAN = ["plan", *SMALL_RUN, "--attention", "none,cbam"]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_study(tmp_path_factory.mktemp("earlier") / "study", ACCURACIES)


@pytest.mark.parametrize(
    ("data", "model", "shown_images", "low", "high"),
    [
        ("scenes:clutter=0.25", "convnet", 6_900, 0.3, 6.0),  # a demo: measured 3 to 6
        ("scenes", "convnet", 1_000, 3.0, 6.0),  # shorter than everything
        ("scenes", "convnet", 200_000, 0.1, 0.5),
        ("cifar10", "convnet", 15_000, 0.57, 2.2),
        ("/images/cifar10", "convnet", 40_000, 0.6, 1.5),
        ("cifar10", "convnet", 5_000_000, 0.3, 0.5),  # longer than everything
        ("cifar100", "convnet", 20_000, 0.1, 2.2),  # of other data
        ("photos", "convnet", 20_000, 0.1, 2.2),
        ("cifar10", "resnet18", 10_000_000, 0.15, 0.15),
        ("cifar100", "resnet34", 10_000_000, 0.25, 0.3),
        ("cifar10", "resnet18", 10_000, 0.3, 6.0),  # of other networks
        ("photos", "timm/vgg11", 2_000_000, 0.15, 0.5),
    ],
)
def test_table(data: str, model: str, shown_images: int, low: float, high: float) -> None:
    spread = look_up_spread(data, model, shown_images)
    assert (spread.low, spread.high) == (low, high)
    assert spread.sd == pytest.approx((low * high) ** 0.5)
    assert f"this one shows {shown_images:,}" in spread.source


def test_earlier_study_gives_the_deviation_of_its_variants(earlier: Path) -> None:
    config = SharedConfig(data="scenes", learning_rate=0.1)
    spread = measure_spread(earlier, config)
    variances = [np.var(np.multiply(100, ACCURACIES[name]), ddof=1) for name in ("none", "cbam")]
    assert spread.sd == pytest.approx(np.sqrt(np.mean(variances)))
    assert spread.low < spread.sd < spread.high
    assert spread.level == 0.9
    assert spread.source.startswith(f"7 runs of 2 variants in {earlier}")


def test_differences_of_the_earlier_study_are_reported(tmp_path: Path) -> None:
    folder = write_fake_study(tmp_path / "study", ACCURACIES)
    options = "epochs = 3\nbatch_size = 64\n"
    design = folder / "study.toml"
    data = 'data = "scenes:clutter=0"\n'
    design.write_text(design.read_text().replace('data = "scenes"\n', data + options))
    for run in (folder / "runs").iterdir():
        config = run / "config.toml"
        config.write_text(config.read_text() + options)
        write_manifest(run)
    config_here = SharedConfig(epochs=10, batch_size=64, learning_rate=0.2)
    source = measure_spread(folder, config_here).source
    assert "where data is scenes:clutter=0 there and scenes here; " in source
    assert "epochs is 3 there and 10 here" in source
    assert "learning_rate is 0.1 there and 0.2 here" in source
    assert "batch_size" not in source


@pytest.mark.parametrize("options", [{"data": "cifar10"}, {"model": "resnet18"}], ids=str)
def test_refuses_a_study_of_another_task(earlier: Path, options: dict[str, str]) -> None:
    config = SharedConfig().model_copy(update=options)
    message = f"no variant with 2 finished runs of {config.model} on {config.data}"
    with pytest.raises(UsageError, match=message):
        measure_spread(earlier, config)


def test_plan_is_a_range(earlier: Path) -> None:
    planned = plan(change(seeds=5), like=earlier, detect=2.0)
    given = [plan(change(seeds=5), sd=sd, detect=2.0) for sd in (planned.sd, *planned.sd_range)]
    assert planned.detectable == pytest.approx(given[0].detectable)
    assert planned.detectable_range == pytest.approx((given[1].detectable, given[2].detectable))
    assert planned.seeds_needed == given[0].seeds_needed
    assert planned.seeds_needed_range == (given[1].seeds_needed, given[2].seeds_needed)
    assert given[0].sd_range == (planned.sd, planned.sd)
    with pytest.raises(UsageError, match="`sd` should be left out with `like`"):
        plan(change(), like=earlier, sd=1.0)


def test_few_runs_give_a_wide_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three seeds of two variants with a deviation of 1.5 points: chi-square with 4 degrees of freedom."""
    folder = write_fake_study(
        tmp_path / "study", {"none": [0.600, 0.615, 0.630], "cbam": [0.620, 0.605, 0.635]}
    )
    options = ["--attention", "none,channel,spatial,bam,cbam", "--detect", "0.5"]
    text = join_lines(run_foveal(capsys, "plan", *SMALL_RUN, *options, "--like", str(folder)))
    assert "sd 1.5 points from run to run, 90 % interval 0.97 to 3.6 (6 runs of 2 variants" in text
    needed = re.search(r"([\d,]+) seeds to .*, 90 % interval ([\d,]+) to ([\d,]+),", text)
    assert needed is not None
    numbers = [int(number.replace(",", "")) for number in needed.groups()]
    assert numbers == pytest.approx([203, 86, 1131], abs=2)


def test_text_shows_ranges(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = join_lines(run_foveal(capsys, *PLAN, "--like", str(earlier), "--detect", "3"))
    assert " points from run to run, 90 % interval " in text
    assert f" (7 runs of 2 variants in {earlier}" in text
    assert "with 5 seeds a true difference of " in text
    detects = text.split("true difference of ")[1].split(" points")[0]
    low, high = map(float, detects.split(" to "))
    assert low < high
    assert "seeds to detect 3 points with 80 % power, 90 % interval " in text
    text = join_lines(run_foveal(capsys, *PLAN, "--detect", "0.01"))
    assert "100,000 seeds to detect 0.01 points" in text
    assert "4.2 points from run to run, between 3 and 6 (a table of trainings" in text


def test_grid_takes_the_cell_that_varies_most() -> None:
    grid = {"epochs": [1, 20]}
    planned = plan(change(seeds=3, grid=grid, train_size=40, test_size=20))
    assert planned.sd_range == look_up_spread("scenes", "convnet", 40)[1:3]


def test_pilot_has_other_seeds_and_the_baseline_only() -> None:
    config = StudyConfig(attention="none,cbam", seeds=7, first_seed=3, se=True, wide=True, margin=2)
    pilot = make_pilot_config(config, 4)
    assert (pilot.attention, pilot.seeds, pilot.first_seed) == ("none", 4, 1_000_003)
    assert (pilot.se, pilot.wide, pilot.same_time) == (False, False, False)
    assert pilot.model_copy(update=config.model_dump()) == config


def test_pilot_is_trained_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*PLAN, "--pilot", "3", "--json"]) == 0
    captured = capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"Pilot: runs/{folder.name}" in captured.err
    planned = json.loads(captured.out)
    assert planned["runs"] == 10
    assert (read_design(folder).variants, read_design(folder).first_seed) == (("none",), 1_000_000)
    (accuracies,) = read_study(folder).accuracies.values()
    assert planned["sd"] == pytest.approx(100 * np.std(accuracies, ddof=1))
    changed = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/results.json")}
    assert len(changed) == 3
    again = json.loads(run_foveal(capsys, *PLAN, "--pilot", "3", "--json"))
    assert again["sd"] == planned["sd"]
    assert changed == {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/results.json")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pilot", "2"], "--pilot"),
        (["--pilot", "3", "--sd", "1"], "Only one of --sd, --like and --pilot"),
        (["--like", "runs/missing"], "runs/missing is not a study"),
    ],
)
def test_refuses_wrong_options(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*PLAN, *options]) == 2
    assert message in join_lines(capsys.readouterr().err)
