"""Insertion of attention: seeds, sites, unchanged backbone, removal, refused requests."""

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from foveal import insert
from foveal.attention import available
from foveal.errors import UsageError
from foveal.models import ConvNet, build_model, load_model, resolve_where, save_model

VARIANTS = ["none", *available(), "bam:branches=cbam", "cbam:order=spatial-first"]


def make_images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_layer_parameters_of_the_convnet() -> None:
    counts = [
        sum(p.numel() for p in m.parameters()) for m in ConvNet().modules() if not [*m.children()]
    ]
    assert [count for count in counts if count] == [
        896, 64, 18_496, 128, 73_856, 256, 2_098_176, 10_250,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [8, 20, 33])
def test_convnet_accepts_other_image_sizes(size: int) -> None:
    model = ConvNet(7, in_channels=1, image_size=size)
    assert model(torch.zeros(1, 1, size, size)).shape == (1, 7)


@pytest.mark.parametrize("attention", VARIANTS)
def test_variants_share_the_backbone(attention: str) -> None:
    plain = build_model("convnet", seed=5).state_dict()
    state = build_model("convnet", attention=attention, seed=5).state_dict()
    assert [key for key in state if ".attention." not in key] == list(plain)
    assert all(torch.equal(state[key], value) for key, value in plain.items())


def test_gate_weights_depend_on_seed_and_site_only() -> None:
    first, same = (build_model("convnet", attention="cbam", seed=1) for _ in range(2))
    other = build_model("convnet", attention="cbam", seed=2)
    keys = [key for key in first.state_dict() if "attention.channel.reduce.weight" in key]
    assert all(torch.equal(first.state_dict()[key], same.state_dict()[key]) for key in keys)
    assert not any(torch.equal(first.state_dict()[key], other.state_dict()[key]) for key in keys)


def test_building_does_not_change_the_random_generators() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    insert(build_model("convnet"), "cbam")
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("attention", available())
def test_gate_is_between_relu_and_pool(attention: str) -> None:
    model = build_model("convnet", attention=attention).eval()
    block = model.get_submodule("blocks.0")
    expected = block.pool(block.relu.attention(block.norm(block.conv(make_images())).relu()))  # type: ignore[operator, union-attr]
    torch.testing.assert_close(block(make_images()), expected)


@pytest.mark.parametrize("attention", available())
def test_removal_restores_the_model(attention: str) -> None:
    model = ConvNet().train()
    keys, before = list(model.state_dict()), copy.deepcopy(model).eval()(make_images())
    insertion = insert(model, attention)
    assert not torch.equal(copy.deepcopy(model).eval()(make_images()), before)
    assert all(module.training for module in model.modules())
    insertion.remove()
    assert list(model.state_dict()) == keys
    assert torch.equal(model.eval()(make_images()), before)


def test_sites_have_the_shapes_of_their_outputs() -> None:
    insertion = insert(ConvNet(image_size=20), "channel")
    assert [site.shape[1:] for site in insertion.sites] == [(32, 20, 20), (64, 10, 10), (128, 5, 5)]
    assert sum(insertion.parameters) == sum(2 * c * (c // 16) + c // 16 + c for c in (32, 64, 128))


def test_tracing_does_not_change_the_state_dict() -> None:
    model = ConvNet()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    insert(model, "cbam").remove()
    assert all(torch.equal(model.state_dict()[key], value) for key, value in before.items())


@pytest.mark.parametrize("attention", ["cbam", "bam"])
def test_network_can_be_copied_and_pickled(attention: str) -> None:
    model = build_model("convnet", attention=attention).eval()
    expected = model(make_images())
    assert torch.equal(copy.deepcopy(model)(make_images()), expected)
    assert torch.equal(pickle.loads(pickle.dumps(model))(make_images()), expected)


def test_refuses_a_second_gate_at_a_site() -> None:
    model = build_model("convnet", attention="cbam")
    with pytest.raises(UsageError, match=r"'blocks\.0\.relu' already has attention"):
        insert(model, "channel")


def test_skips_a_module_called_twice() -> None:
    gelu = nn.GELU()
    model = nn.Sequential(nn.Conv2d(3, 4, 3), gelu, nn.Conv2d(4, 4, 3), gelu)
    found = insert(model, "cbam", example=torch.zeros(1, 3, 9, 9), dry_run=True)
    assert [(site.name, site.position) for site in found.sites] == [("2", "input")]
    assert [(place.name, place.reason) for place in found.skipped] == [("1", "is called 2 times")]


def test_refuses_a_network_without_such_sites() -> None:
    with pytest.raises(UsageError, match="has no sites for where='conv'"):
        insert(nn.Sequential(nn.Conv2d(3, 4, 3)), "cbam", example=torch.zeros(1, 3, 9, 9))


def test_refuses_unknown_sites_model_and_option() -> None:
    with pytest.raises(UsageError, match=r"No module of the network is selected by 'everywhere'"):
        insert(ConvNet(), "cbam", where="everywhere")
    with pytest.raises(UsageError, match=r"no model 'covnet'. Did you mean 'convnet'"):
        build_model("covnet")
    with pytest.raises(UsageError, match="Did you mean 'reduction'"):
        build_model("convnet", attention="cbam:reducton=8")


@pytest.mark.parametrize("spec", ["cbam:reduction", "cbam:=8", "none:reduction=8"])
def test_refuses_malformed_variants(spec: str) -> None:
    with pytest.raises(UsageError):
        build_model("convnet", attention=spec)


def test_loaded_model_gives_the_same_logits(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    built_with = {"name": "convnet", "num_classes": 7, "attention": "cbam:reduction=8"}
    model = build_model(**built_with, seed=9).eval()  # type: ignore[arg-type]
    save_model(model, str(folder), **built_with)
    assert torch.equal(load_model(str(folder)).eval()(make_images()), model(make_images()))


@pytest.mark.parametrize(
    ("name", "attention", "where"),
    [
        ("convnet", "cbam", "conv"),
        ("resnet18", "cbam", "residual"),
        ("resnet18", "bam", "stage"),
        ("torchvision/resnet18", "bam", "stage"),
        ("resnet18", "cbam:where=residual+stage", "residual+stage"),
        ("resnet18", "cbam:where=layer4.*.bn2", "layer4.*.bn2"),
        ("resnet18", "none", None),
        ("resnet18", "wide", None),
        ("resnet18", "same-time", None),
    ],
)
def test_resolves_where_a_variant_is_inserted(name: str, attention: str, where: str | None) -> None:
    assert resolve_where(name, attention=attention, image_size=64, num_classes=7) == where


def test_refuses_sites_that_the_network_does_not_have() -> None:
    with pytest.raises(UsageError, match="has no sites for where='residual'"):
        resolve_where("convnet", attention="cbam:where=residual")


@pytest.mark.parametrize("attention", ["same-time", "same-time:like=bam:reduction=8"])
def test_same_time_is_the_plain_network(attention: str) -> None:
    plain = build_model("convnet", seed=4).state_dict()
    state = build_model("convnet", attention=attention, seed=4).state_dict()
    assert list(state) == list(plain)
    assert all(torch.equal(state[key], value) for key, value in plain.items())
