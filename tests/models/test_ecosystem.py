"""A network with gates goes where a network without goes: compiled, distributed, saved, shared."""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from foveal.models import AttentionModel, build_model

ATTENTION = ["cbam", "bam", "timm/ese"]


def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=ATTENTION)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return build_model("resnet18", attention=request.param, seed=1).eval()


def test_copied_and_pickled(model: nn.Module) -> None:
    expected = model(images())
    assert torch.equal(copy.deepcopy(model)(images()), expected)
    assert torch.equal(pickle.loads(pickle.dumps(model))(images()), expected)


def test_compiled(model: nn.Module) -> None:
    expected = model(images())
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(images()), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    store = f"file://{tmp_path / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_distributed(model: nn.Module) -> None:
    alone = copy.deepcopy(model)
    for network in (alone, DistributedDataParallel(model)):
        network.train()(images()).square().mean().backward()
    for (name, ours), theirs in zip(model.named_parameters(), alone.parameters(), strict=True):
        assert ours.grad is not None, name
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_saved_as_a_recipe(tmp_path: Path) -> None:
    options = {"num_classes": 7, "attention": "cbam:reduction=8:where=residual+stage"}
    shell = AttentionModel("resnet18", **options).eval()
    shell.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors", "README.md"} == {p.name for p in tmp_path.iterdir()}
    again = AttentionModel.from_pretrained(str(tmp_path), strict=True).eval()
    assert torch.equal(again(images()), shell(images()))
