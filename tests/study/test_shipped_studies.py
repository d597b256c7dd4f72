"""Every study in studies/ is what its first lines say, and the smallest of them is run to its end."""

import tomllib
from pathlib import Path

import pytest

from foveal.cli import main
from foveal.records import Cell, Design, read_study
from foveal.study import StudyConfig
from foveal.study.config import expand_grid, shared_config_to_dict
from foveal.study.run_list import list_runs
from foveal.study.variants import resolve_variants

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "studies").glob("*.toml"))
FIVE = ("none", "channel", "spatial", "bam", "cbam")
# By the name of the file: its variants, its data, and how often each variant is trained on each.
EXPECTED = {
    "ablation-cifar10": (FIVE, ("cifar10",), 10),
    "ablation-cifar100": (FIVE, ("cifar100",), 10),
    "finetune": (("none", "cbam"), ("images",), 5),
    "resnet34": (("none", "cbam", "wide:like=cbam"), ("cifar10", "cifar100"), 5),
    "smoke": (("none", "cbam"), ("scenes:clutter=0:object_size=0.6:color_variation=0",), 3),
}


def read(path: Path) -> StudyConfig:
    return StudyConfig(**tomllib.loads(path.read_text()))


def design_of(config: StudyConfig) -> Design:
    """Return the design as the study makes it; a name stands for the checksum of the images."""
    cells = [
        Cell(
            {option: getattr(each, option) for option in config.grid} | {"data_checksum": each.data}
        )
        for each in expand_grid(config, config.grid)
    ]
    return Design(
        shared_config_to_dict(config),
        resolve_variants(config),
        config.seeds,
        config.seeds,
        0.5,
        0.5,
        tuple(cells),
    )


def test_every_file_is_expected() -> None:
    assert [path.stem for path in FILES] == sorted(EXPECTED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_runs_are_those_expected(path: Path) -> None:
    variants, data, seeds = EXPECTED[path.stem]
    runs = [config for config, _ in list_runs(design_of(read(path)), Path("study"))]
    asked = [(run.data, run.attention, run.seed) for run in runs]
    assert len({run.key for run in runs}) == len(runs)
    assert set(asked) == {(d, v, s) for d in data for v in variants for s in range(seeds)}
    assert len(asked) == len(data) * len(variants) * seeds


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_begins_with_the_command_that_runs_it(path: Path) -> None:
    text = path.read_text()
    name = f"studies/{path.name}"
    assert text.startswith("# ")
    assert f"foveal ablate --config {name} --out runs/{path.stem}\n" in text


def test_the_resnet_is_trained_as_others_train_it() -> None:
    config = read(ROOT / "studies" / "resnet34.toml")
    assert (config.model, config.stem, config.epochs) == ("resnet34", "cifar", 200)
    assert (config.batch_size, config.learning_rate, config.schedule) == (128, 0.1, "cosine")


def test_the_fine_tuning_leaves_the_backbone_alone() -> None:
    config = read(ROOT / "studies" / "finetune.toml")
    assert (config.start, config.freeze_backbone) == ("identity", True)
    assert config.gate_learning_rate is not None
    assert (config.weights, config.weights_from) == ("weights.safetensors", "torchvision")


def test_the_smoke_study_runs_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = ROOT / "studies" / "smoke.toml", tmp_path / "smoke"
    assert main(["ablate", "--config", str(path), "--out", str(folder)]) == 0
    assert "6 runs, 6 of them trained now" in capsys.readouterr().out
    record = read_study(folder)
    runs = [(run.results["variant"], run.results["seed"]) for run in record.runs]
    assert runs == [("none", 0), ("none", 1), ("none", 2)] + [("cbam", s) for s in range(3)]
    assert (folder / "report.html").is_file()
    assert main(["ablate", "--config", str(path), "--out", str(folder)]) == 0
    assert "6 runs, 0 of them trained now" in capsys.readouterr().out
