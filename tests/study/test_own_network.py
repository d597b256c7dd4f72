"""A network and images of the user's own, weights from a file, gates alone trained: the same door."""

import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from foveal.analysis import find_caveats
from foveal.cli import main
from foveal.data import load_data
from foveal.models import build_model
from foveal.records import read_study
from foveal.study import Study
from study.small_study import changed

WHOLE = {"train_size": None, "test_size": None}

CLASSES = ("cat", "dog", "frog")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of three classes, made from scenes."""
    folder = tmp_path_factory.mktemp("images")
    data = load_data("scenes", train_size=60, test_size=30)
    for name, split in ("train", data.train), ("test", data.test):
        for place, image in enumerate(split.images):
            path = folder / name / CLASSES[place % 3] / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as a library would have them, for another number of classes."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(build_model("torchvision/resnet18", num_classes=7, seed=3).state_dict(), path)
    return path


def test_gates_are_fine_tuned_in_a_frozen_network(
    images: Path, weights: Path, tmp_path: Path
) -> None:
    config = changed(
        data=str(images), model="torchvision/resnet18", weights=str(weights), start="identity",
        freeze_backbone=True, gate_learning_rate=0.3, attention="none,cbam", seeds=1, **WHOLE,
    )  # fmt: skip
    record = Study.open(tmp_path / "study", config).run()
    given = load_file(weights)
    for run in record.runs:
        trained = load_file(run.folder / "model" / "model.safetensors")
        ours = {key.removeprefix("model."): value for key, value in trained.items()}
        head = {"fc.weight", "fc.bias"}
        assert all(torch.equal(ours[key], given[key]) for key in set(given) - head)
        assert run.results["weights"]["missing"][-2:] == sorted(head, reverse=True)
    assert [run.results["classes"] for run in record.runs] == [list(CLASSES)] * 2
    gates = [key for key in ours if ".attention." in key]
    assert len(gates) > 8
    plain, gated = [note for note in find_caveats(record) if "resnet18.safetensors" in note]
    assert plain.endswith("randomly initialized were fc.weight, fc.bias.")
    assert "tensors of the gates" in gated


def test_other_weights_are_another_study(images: Path, weights: Path, tmp_path: Path) -> None:
    options = {
        "data": str(images),
        "model": "torchvision/resnet18",
        "seeds": 1,
        "attention": "none",
        **WHOLE,
    }
    first = changed(**options, weights=str(weights))
    other = tmp_path / "other.safetensors"
    save_file(build_model("torchvision/resnet18", num_classes=7, seed=4).state_dict(), other)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(weights.read_bytes())
    keys = [
        Study.open(tmp_path / name, config).list_runs()[0][0].key
        for name, config in (
            ("a", first),
            ("b", changed(**options, weights=str(moved))),
            ("c", changed(**options, weights=str(other))),
        )
    ]
    assert keys[0] == keys[1] != keys[2]


MINE = """
import numpy as np
import torch
from torch import nn
from foveal.data import DecodedData, Split

class Plain(nn.Module):
    input_shape = (3, 16, 16)

    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, num_classes)

    def forward(self, x):
        return self.head(self.pool(self.relu(self.conv(x))).flatten(1))

def images():
    random = np.random.default_rng(0)
    def split(count):
        return Split(
            random.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8), np.arange(count) % 2
        )
    return DecodedData(("even", "odd"), split(40), split(20))
"""


def test_one_file_of_options_and_one_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_a_test.py").write_text(MINE)
    options = (
        'data = "mine_of_a_test:images"\nmodel = "mine_of_a_test:Plain"\nattention = "none,channel"\n'
        'epochs = 1\nbatch_size = 16\nseeds = 1\ncrop = 1\nthreads = 1\ndtype = "float32"\n'
    )
    (tmp_path / "options.toml").write_text(options)
    assert main(["ablate", "--config", "options.toml", "--out", "study"]) == 0
    record = read_study(tmp_path / "study")
    assert [run.results["variant"] for run in record.runs] == ["none", "channel"]
    assert record.design.shared_options["model"] == tomllib.loads(options)["model"]
