"""Pretrained weights: complete loads, refused files that leave the network unchanged."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.models import build_model, compute_weights_checksum, load_pretrained_weights, save_model

IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def build_network(
    attention: str = "none", *, name: str = "torchvision/resnet18", **options: Any
) -> Any:
    built_with: dict[str, Any] = {"num_classes": 7, "image_size": 64, "attention": attention}
    return build_model(name, **built_with | options).eval()


def write_weights(path: Path, state: dict[str, Tensor]) -> Path:
    """Write a state dict in the format of the file name."""
    if path.suffix == ".safetensors":
        save_file(state, path)
    elif path.name.startswith("wrapped"):
        torch.save({"epoch": 3, path.stem.partition("-")[2]: state}, path)
    else:
        torch.save(state, path)
    return path


def copy_state(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def has_state(model: nn.Module, state: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    "name", ["w.safetensors", "w.pt", "w.pth", "wrapped-state_dict.pt", "wrapped-model.pt"]
)
@pytest.mark.parametrize("source", ["foveal", "torchvision"])
def test_network_with_identity_start_equals_the_plain_network(
    tmp_path: Path, name: str, source: str
) -> None:
    plain = build_network(seed=3)
    path = write_weights(tmp_path / name, plain.state_dict())
    model = build_network("cbam", start="identity", seed=5)
    report = load_pretrained_weights(model, path, source=source)
    assert torch.equal(model(IMAGE), plain(IMAGE))
    assert set(report.loaded) == set(plain.state_dict())
    gates = {key for key in model.state_dict() if ".attention." in key}
    assert set(report.missing) == {k for k in gates if not k.endswith("num_batches_tracked")}
    assert report.unexpected == report.converted == ()


def test_loads_gates_from_the_file(tmp_path: Path) -> None:
    saved = build_network("cbam", seed=3)
    model = build_network("cbam", seed=5)
    report = load_pretrained_weights(
        model, write_weights(tmp_path / "w.safetensors", saved.state_dict())
    )
    assert has_state(model, saved.state_dict())
    assert report.missing == ()


def test_loads_the_weights_of_a_run(tmp_path: Path) -> None:
    built_with = {"name": "convnet", "num_classes": 7, "attention": "cbam"}
    saved = build_model(**built_with, seed=3)  # type: ignore[arg-type]
    save_model(saved, tmp_path, **built_with)
    model = build_model(**built_with, seed=5)  # type: ignore[arg-type]
    load_pretrained_weights(model, tmp_path / "model.safetensors")
    assert has_state(model, saved.state_dict())


@pytest.mark.parametrize("name", ["torchvision/resnet18", "torchvision/squeezenet1_1"])
def test_head_for_other_classes_keeps_its_initial_weights(tmp_path: Path, name: str) -> None:
    path = write_weights(
        tmp_path / "w.pt", build_network(name=name, num_classes=1000, seed=3).state_dict()
    )
    model = build_network(name=name, seed=5)
    head = {"torchvision/resnet18": "fc", "torchvision/squeezenet1_1": "classifier.1"}[name]
    before = copy_state(model)
    report = load_pretrained_weights(model, str(path))
    keys = [f"{head}.weight", f"{head}.bias"]
    assert list(report.missing) == keys
    assert report.unexpected == ()
    after = model.state_dict()
    stays = {key for key, value in before.items() if torch.equal(after[key], value)}
    assert set(keys) <= stays
    assert "conv1.weight" not in stays
    assert "features.0.weight" not in stays


def test_refuses_a_head_of_another_width(tmp_path: Path) -> None:
    state = build_network().state_dict() | {
        "fc.weight": torch.zeros(9, 8),
        "fc.bias": torch.zeros(9),
    }
    with pytest.raises(UsageError, match=r"2 keys are missing \(fc\.weight, fc\.bias\)"):
        load_pretrained_weights(build_network(), write_weights(tmp_path / "w.pt", state))


@pytest.mark.parametrize("drop", ["layer1.0.bn1.running_mean", "fc.weight", "fc.bias"])
def test_refuses_other_missing_keys(tmp_path: Path, drop: str) -> None:
    state = build_network(seed=3).state_dict()
    del state[drop]
    model = build_network("cbam", seed=5)
    before = copy_state(model)
    with pytest.raises(UsageError, match=rf"1 keys are missing \({drop}\) and 0 unexpected"):
        load_pretrained_weights(model, write_weights(tmp_path / "w.pt", state))
    assert has_state(model, before)


def test_refuses_unexpected_keys(tmp_path: Path) -> None:
    model = build_network()
    before = copy_state(model)
    path = write_weights(tmp_path / "w.pt", build_network("cbam", seed=3).state_dict())
    with pytest.raises(UsageError, match=r"unexpected \(layer1\.0\.bn2\.attention\..*w\.pt only"):
        load_pretrained_weights(model, path)
    assert has_state(model, before)


def test_loads_timm_weights_with_gates(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("resnet18", num_classes=7, block_args={"attn_layer": "cbam"}).eval()
    path = write_weights(tmp_path / "w.safetensors", theirs.state_dict())
    model = build_network("cbam-timm", name="resnet18", stem="imagenet")
    report = load_pretrained_weights(model, path, source="timm", target="cbam-timm")
    assert report.missing == ()
    torch.testing.assert_close(model(IMAGE), theirs(IMAGE), rtol=1e-5, atol=1e-5)


class CreatesFolderOnUnpickling:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_unpickles_tensors_only(tmp_path: Path) -> None:
    torch.save({"fc.bias": CreatesFolderOnUnpickling(tmp_path / "made")}, tmp_path / "w.pt")
    with pytest.raises(FovealError, match=r"w\.pt cannot be read"):
        load_pretrained_weights(build_network(), tmp_path / "w.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
@pytest.mark.parametrize("size", [0, 3, 200, -1])
def test_names_a_corrupt_file(tmp_path: Path, name: str, size: int) -> None:
    path = write_weights(tmp_path / name, {"fc.weight": torch.ones(30, 30)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        FovealError, match=rf"{name} cannot be read\. The file is corrupt"
    ) as raised:
        load_pretrained_weights(build_network(), path)
    assert raised.value.exit_code == 1
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content", [[torch.ones(2)], {"fc.bias": 3}, {3: torch.ones(2)}, torch.ones(2)], ids=str
)
def test_names_a_file_without_state_dict(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(FovealError, match=r"w\.pt contains no weights"):
        load_pretrained_weights(build_network(), tmp_path / "w.pt")


def test_refuses_missing_files_and_unknown_sources(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file .*absent\.pt"):
        load_pretrained_weights(build_network(), tmp_path / "absent.pt")
    with pytest.raises(UsageError, match=r"no file .*absent\.pt"):
        compute_weights_checksum(tmp_path / "absent.pt")
    with pytest.raises(UsageError, match="`source` should be one of 'foveal', 'official'"):
        load_pretrained_weights(build_network(), tmp_path / "absent.pt", source="caffe")


def test_checksum_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(b"abc" * 100_000)
    assert compute_weights_checksum(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()[:16]
