"""User-defined networks and images, initial weights from a file, fine-tuned gates."""

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
from study.small_study import change

WHOLE = {"train_size": None, "test_size": None}

CLASSES = ("cat", "dog", "frog")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of three classes, made from scenes."""
    folder = tmp_path_factory.mktemp("images")
    data = load_data("scenes", train_size=60, test_size=30)
    for name, split in ("train", data.train), ("test", data.test):
        for index, image in enumerate(split.images):
            path = folder / name / CLASSES[index % 3] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights of torchvision's ResNet-18, for another number of classes."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(build_model("torchvision/resnet18", num_classes=7, seed=3).state_dict(), path)
    return path


def test_frozen_backbone_keeps_its_weights(images: Path, weights: Path, tmp_path: Path) -> None:
    config = change(
        data=str(images), model="torchvision/resnet18", weights=str(weights), start="identity",
        freeze_backbone=True, gate_learning_rate=0.3, attention="none,cbam", seeds=1, **WHOLE,
    )  # fmt: skip
    record = Study.open(tmp_path / "study", config).run(with_extras=False)
    initial = load_file(weights)
    for run in record.runs:
        trained = load_file(run.folder / "model" / "model.safetensors")
        state = {key.removeprefix("model."): value for key, value in trained.items()}
        head = {"fc.weight", "fc.bias"}
        assert all(torch.equal(state[key], initial[key]) for key in set(initial) - head)
        assert run.results["weights"]["missing"][-2:] == sorted(head, reverse=True)
    assert [run.results["classes"] for run in record.runs] == [list(CLASSES)] * 2
    gates = [key for key in state if ".attention." in key]
    assert len(gates) > 8
    baseline, gated = [text for text in find_caveats(record) if "resnet18.safetensors" in text]
    assert baseline.endswith("randomly initialized were fc.weight, fc.bias.")
    assert "tensors of the gates" in gated


def test_key_depends_on_weights_not_on_their_path(
    images: Path, weights: Path, tmp_path: Path
) -> None:
    options = {
        "data": str(images),
        "model": "torchvision/resnet18",
        "seeds": 1,
        "attention": "none",
        **WHOLE,
    }
    first = change(**options, weights=str(weights))
    other = tmp_path / "other.safetensors"
    save_file(build_model("torchvision/resnet18", num_classes=7, seed=4).state_dict(), other)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(weights.read_bytes())
    keys = [
        Study.open(tmp_path / name, config).list_runs()[0][0].key
        for name, config in (
            ("a", first),
            ("b", change(**options, weights=str(moved))),
            ("c", change(**options, weights=str(other))),
        )
    ]
    assert keys[0] == keys[1] != keys[2]


SOURCE = """
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


def test_options_file_with_user_defined_network_and_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_module.py").write_text(SOURCE)
    options = (
        'data = "user_module:images"\nmodel = "user_module:Plain"\n'
        'attention = "none,channel"\n'
        'epochs = 1\nbatch_size = 16\nseeds = 1\ncrop = 1\nthreads = 1\ndtype = "float32"\n'
    )
    (tmp_path / "options.toml").write_text(options)
    assert main(["ablate", "--config", "options.toml", "--out", "study", "--no-extras"]) == 0
    record = read_study(tmp_path / "study")
    assert [run.results["variant"] for run in record.runs] == ["none", "channel"]
    assert record.design.shared_options["model"] == tomllib.loads(options)["model"]
