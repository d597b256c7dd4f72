"""Networks with gates work with torch.compile, distributed training, copying, pickling and saving."""

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


def make_images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=ATTENTION)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return build_model("resnet18", attention=request.param, seed=1).eval()


def test_copies_and_pickles(model: nn.Module) -> None:
    expected = model(make_images())
    assert torch.equal(copy.deepcopy(model)(make_images()), expected)
    assert torch.equal(pickle.loads(pickle.dumps(model))(make_images()), expected)


def test_compiles(model: nn.Module) -> None:
    expected = model(make_images())
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(make_images()), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    store = f"file://{tmp_path / 'store'}"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_trains_with_distributed_data_parallel(model: nn.Module) -> None:
    alone = copy.deepcopy(model)
    for network in (alone, DistributedDataParallel(model)):
        network.train()(make_images()).square().mean().backward()
    for (name, ours), theirs in zip(model.named_parameters(), alone.parameters(), strict=True):
        assert ours.grad is not None, name
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_saves_options_and_weights(tmp_path: Path) -> None:
    options = {"num_classes": 7, "attention": "cbam:reduction=8:where=residual+stage"}
    shell = AttentionModel("resnet18", **options).eval()
    shell.save_pretrained(tmp_path)
    assert {"config.json", "model.safetensors", "README.md"} == {p.name for p in tmp_path.iterdir()}
    again = AttentionModel.from_pretrained(str(tmp_path), strict=True).eval()
    assert torch.equal(again(make_images()), shell(make_images()))
