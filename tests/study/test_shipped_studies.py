"""Every study in studies/ has the runs that its header announces, and the smallest one ends with a verdict."""

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
# By name of the file: variants, data, and seeds per variant and data set.
EXPECTED = {
    "ablation-cifar10": (FIVE, ("cifar10",), 10),
    "ablation-cifar100": (FIVE, ("cifar100",), 10),
    "finetune": (("none", "cbam"), ("images",), 5),
    "resnet34": (("none", "cbam", "wide:like=cbam"), ("cifar10", "cifar100"), 5),
    "smoke": (("none", "cbam"), ("scenes:clutter=0:object_size=0.6:color_variation=0",), 3),
}


def read_config(path: Path) -> StudyConfig:
    return StudyConfig(**tomllib.loads(path.read_text()))


def make_design(config: StudyConfig) -> Design:
    """Return the design of a study with the name of its data as checksum."""
    cells = []
    for cell_config in expand_grid(config, config.grid):
        options = {option: getattr(cell_config, option) for option in config.grid}
        cells.append(Cell(options | {"data_checksum": cell_config.data}))
    shared_options, variants = shared_config_to_dict(config), resolve_variants(config)
    return Design(shared_options, variants, config.seeds, config.seeds, 0.5, 0.5, tuple(cells))


def test_every_file_is_expected() -> None:
    assert [path.stem for path in FILES] == sorted(EXPECTED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_runs_of_a_study(path: Path) -> None:
    variants, data, seeds = EXPECTED[path.stem]
    configs = [run.config for run in list_runs(make_design(read_config(path)), Path("study"))]
    runs = [(config.data, config.attention, config.seed) for config in configs]
    assert len({config.key for config in configs}) == len(configs)
    assert set(runs) == {(d, v, s) for d in data for v in variants for s in range(seeds)}
    assert len(runs) == len(data) * len(variants) * seeds


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_header_has_the_command(path: Path) -> None:
    text = path.read_text()
    name = f"studies/{path.name}"
    assert text.startswith("# ")
    assert f"foveal ablate --config {name} --out runs/{path.stem}\n" in text


def test_resnet_has_the_usual_recipe() -> None:
    config = read_config(ROOT / "studies" / "resnet34.toml")
    assert (config.model, config.stem, config.epochs) == ("resnet34", "cifar", 200)
    assert (config.batch_size, config.learning_rate, config.schedule) == (128, 0.1, "cosine")


def test_fine_tuning_freezes_the_backbone() -> None:
    config = read_config(ROOT / "studies" / "finetune.toml")
    assert (config.start, config.freeze_backbone) == ("identity", True)
    assert config.gate_learning_rate is not None
    assert (config.weights, config.weights_from) == ("weights.safetensors", "torchvision")


def test_smoke_study_ends_with_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = ROOT / "studies" / "smoke.toml", tmp_path / "smoke"
    command = ["ablate", "--config", str(path), "--out", str(folder), "--no-extras"]
    assert main(command) == 0
    assert "6 runs, all trained now" in capsys.readouterr().out
    record = read_study(folder)
    runs = [(run.results["variant"], run.results["seed"]) for run in record.runs]
    assert runs == [(variant, seed) for variant in ("none", "cbam") for seed in range(3)]
    assert (folder / "report.html").is_file()
    assert main(command) == 0
    assert "6 runs, 0 of them trained now" in capsys.readouterr().out
