"""Insertion into networks of other libraries: sites, one training step, complete removal."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.ao.quantization import fuse_modules

from foveal import insert
from foveal.attention.inserted import find_gates
from foveal.errors import UsageError
from foveal.models import resnet18, resnet34, resnet50

Build = Callable[[], nn.Module]


def build_torchvision(name: str) -> Build:
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=7)


def build_timm(name: str) -> Build:
    return lambda: timm.create_model(name, num_classes=7)


# For each `where` the number of sites, the first and the last one; None if there are no such sites.
NETWORKS: dict[str, tuple[Build, dict[str, tuple[int, str, str] | None]]] = {
    "ours/resnet18": (
        lambda: resnet18(num_classes=7, stem="cifar"),
        {
            "residual": (8, "layer1.0.bn2", "layer4.1.bn2"),
            "stage": (3, "layer1.1.relu2", "layer3.1.relu2"),
            "conv": (9, "relu", "layer4.1.relu1"),
        },
    ),
    "ours/resnet50": (
        lambda: resnet50(num_classes=7),
        {
            "residual": (16, "layer1.0.bn3", "layer4.2.bn3"),
            "stage": (3, "layer1.2.relu3", "layer3.5.relu3"),
            "conv": (33, "relu", "layer4.2.relu2"),
        },
    ),
    "torchvision/resnet18": (
        build_torchvision("resnet18"),
        {
            "residual": (8, "layer1.0.bn2", "layer4.1.bn2"),
            "stage": (3, "layer1.1", "layer3.1"),
            "conv": (9, "relu", "layer4.1.bn1"),  # one ReLU is called twice per block
        },
    ),
    "torchvision/resnet50": (
        build_torchvision("resnet50"),
        {
            "residual": (16, "layer1.0.bn3", "layer4.2.bn3"),
            "stage": (3, "layer1.2", "layer3.5"),
            "conv": (33, "relu", "layer4.2.bn2"),
        },
    ),
    "torchvision/vgg11_bn": (
        build_torchvision("vgg11_bn"),
        {
            "residual": None,
            "stage": (5, "features.2", "features.27"),
            "conv": (8, "features.2", "features.27"),
        },
    ),
    "torchvision/densenet121": (
        build_torchvision("densenet121"),
        {
            "residual": None,
            "stage": (3, "features.transition1.relu", "features.transition3.relu"),
            "conv": (59, "features.relu0", "features.denseblock4.denselayer16.relu2"),
        },
    ),
    "torchvision/mobilenet_v3_small": (
        build_torchvision("mobilenet_v3_small"),
        {
            "residual": (6, "features.3.block.2.1", "features.11.block.3.1"),
            "stage": (2, "features.3", "features.8"),
            "conv": (23, "features.0.2", "features.12.2"),
        },
    ),
    "torchvision/efficientnet_b0": (
        build_torchvision("efficientnet_b0"),
        {
            "residual": (9, "features.2.1.block.3.1", "features.6.3.block.3.1"),
            "stage": (3, "features.2.1", "features.5.2"),
            "conv": (33, "features.0.2", "features.8.2"),
        },
    ),
    "torchvision/convnext_tiny": (
        build_torchvision("convnext_tiny"),
        {
            "residual": (18, "features.1.0.block.6", "features.7.2.block.6"),
            "stage": (3, "features.1.2", "features.5.8"),
            "conv": (22, "features.0.1", "features.7.2.block.0"),
        },
    ),
    "torchvision/shufflenet_v2_x0_5": (
        build_torchvision("shufflenet_v2_x0_5"),
        {"residual": None},
    ),
    "timm/resnet18": (
        build_timm("resnet18"),
        {
            "residual": (8, "layer1.0.bn2", "layer4.1.bn2"),
            "stage": (3, "layer1.1.act2", "layer3.1.act2"),
            "conv": (9, "act1", "layer4.1.act1"),
        },
    ),
    "timm/regnety_002": (
        build_timm("regnety_002"),
        {
            "residual": (13, "s1.b1.conv3", "s4.b7.conv3"),
            "stage": (3, "s1.b1.act3", "s3.b4.act3"),
            "conv": (27, "stem", "s4.b7.conv2"),
        },
    ),
}
CASES = [(name, where) for name, (_, placements) in NETWORKS.items() for where in placements]


def make_images(side: int = 64) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    """Build each network once; a test restores it or works on a copy."""
    torch.manual_seed(0)
    return {name: settle_statistics(build()) for name, (build, _) in NETWORKS.items()}


def settle_statistics(model: nn.Module) -> nn.Module:
    """Set the norms to scale 1 and to statistics of images, so that no branch starts at zero."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        nn.init.ones_(norm.weight)
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(make_images())
    for norm in norms:
        norm.momentum = 0.1
    return model


@pytest.mark.parametrize(("name", "where"), CASES)
def test_sites(networks: dict[str, nn.Module], name: str, where: str) -> None:
    expected = NETWORKS[name][1][where]
    if expected is None:
        with pytest.raises(UsageError, match=r"no sites for|which is called|pattern"):
            insert(networks[name], "channel", where=where)
        return
    found = insert(networks[name], "channel", where=where, dry_run=True)
    names = [site.name for site in found.sites]
    assert (len(names), names[0], names[-1]) == expected
    assert not any(name.endswith("attention") for name, _ in networks[name].named_modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_training_step_and_removal(networks: dict[str, nn.Module], name: str) -> None:
    model, x = copy.deepcopy(networks[name]).eval(), make_images()
    where = next((p for p, found in NETWORKS[name][1].items() if found), None)
    if where is None:
        pytest.skip("no named placement")
    keys = list(model.state_dict())
    before = model(x).detach()

    same = insert(model, "cbam", where=where, start="identity")
    assert [key for key in model.state_dict() if ".attention." not in key] == keys
    torch.testing.assert_close(model(x), before, rtol=1e-6, atol=1e-6)
    same.remove()

    insertion = insert(model, "cbam", where=where)
    assert not torch.allclose(model(x), before)
    insertion.remove()
    assert list(model.state_dict()) == keys
    assert torch.equal(model(x), before)

    insertion = insert(model, "cbam", where=where, start="identity")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):  # the first step moves the weight of the gate, the second the gate
        optimizer.zero_grad()
        model.train()(x).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None for gate in insertion.gates for p in gate.parameters())
    last = insertion.gates[-1]
    assert any(p.grad.abs().max() > 0 for p in last.gate.parameters() if p.grad is not None)  # type: ignore[union-attr]


def test_selects_sites_by_pattern_function_and_sum(networks: dict[str, nn.Module]) -> None:
    model = networks["torchvision/resnet50"]
    by_pattern = insert(model, "channel", where="layer[34].*.bn2", dry_run=True)
    by_function = insert(
        model,
        "channel",
        where=lambda name, _: name.endswith("bn2") and name[:6] in {"layer3", "layer4"},
        dry_run=True,
    )
    assert by_pattern.sites == by_function.sites
    assert len(by_pattern.sites) == 9
    joined = insert(model, "channel", where="residual+stage", dry_run=True)
    assert len(joined.sites) == 19
    assert [site.name for site in joined.sites[:4]] == [
        "layer1.0.bn3",
        "layer1.1.bn3",
        "layer1.2.bn3",
        "layer1.2",
    ]


def test_default_sites_are_those_of_the_paper() -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32)
    assert insert(model, "cbam", dry_run=True).where == "residual"
    assert insert(model, "bam", dry_run=True).where == "stage"


def test_list_gives_one_value_per_site() -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32)
    insertion = insert(model, "bam", dilation=[1, 2, 4])
    dilations = [gate.spatial.context[0].dilation for gate in insertion.gates]  # type: ignore[index, union-attr]
    assert dilations == [(1, 1), (2, 2), (4, 4)]
    with pytest.raises(UsageError, match="a list of 8 values, one per site"):
        insert(model, "cbam", reduction=[4, 8])


@pytest.mark.parametrize("where", ["layer1", "fc", "layer1.0.nothing"])
def test_refuses_modules_that_cannot_hold_a_gate(where: str) -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32)
    with pytest.raises(UsageError, match=r"is a container|needs a feature map \(N, C|No module"):
        insert(model, "cbam", where=where)
    assert not any(name.endswith("attention") for name, _ in model.named_modules())


class CallsAllChildren(nn.Module):
    """A module whose forward calls all its children in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


def test_refuses_a_module_that_calls_all_its_children() -> None:
    model = nn.Sequential(CallsAllChildren(), nn.AdaptiveAvgPool2d(1))
    with pytest.raises(UsageError, match="would run 2 times"):
        insert(model, "channel", where="0")
    assert list(model.state_dict()) == ["0.conv.weight", "0.conv.bias"]


def test_rebuilt_norm_keeps_its_gate() -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32).eval()
    insert(model, "cbam")
    x, expected = make_images(32), None
    expected = model(x)
    rebuilt = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    assert isinstance(rebuilt.layer1[0].bn2, nn.SyncBatchNorm)
    torch.testing.assert_close(rebuilt(x), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_fusing_a_norm_keeps_its_gate() -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32).eval()
    insertion = insert(model, "cbam")
    expected = model(make_images(32))
    fused = fuse_modules(model, [["layer1.0.conv2", "layer1.0.bn2"]])  # type: ignore[no-untyped-call]
    torch.testing.assert_close(fused(make_images(32)), expected, rtol=1e-4, atol=1e-5)
    assert len(find_gates(fused)) == len(insertion.gates)


def test_refuses_wrapped_models() -> None:
    model = nn.DataParallel(resnet18(num_classes=7, stem="cifar", image_size=32))
    with pytest.raises(UsageError, match="The model is wrapped in DataParallel"):
        insert(model, "cbam")


def test_pretrained_weights_load_before_and_after_insertion() -> None:
    weights = torchvision.models.resnet18(weights=None, num_classes=7).state_dict()
    before = resnet18(num_classes=7)
    before.load_state_dict(weights)
    insert(before, "cbam", seed=3)
    after = resnet18(num_classes=7)
    insert(after, "cbam", seed=3)
    missing, unexpected = after.load_state_dict(weights, strict=False)
    assert unexpected == []
    assert all(".attention." in key for key in missing)
    x = make_images()
    assert torch.equal(before.eval()(x), after.eval()(x))


def test_resnet_equals_torchvision() -> None:
    theirs = torchvision.models.resnet50(weights=None, num_classes=7).eval()
    ours = resnet50(num_classes=7).eval()
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(make_images()), theirs(make_images()))


def test_adds_gates_to_optimizers() -> None:
    model = resnet18(num_classes=7, stem="cifar", image_size=32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    insertion = insert(model, "cbam")
    insertion.add_to_optimizer(optimizer, lr=0.5)
    gates = {id(p) for gate in insertion.gates for p in gate.parameters()}
    assert {id(p) for p in optimizer.param_groups[1]["params"]} == gates

    backbone, gate_group = insertion.parameter_groups(lr=0.1, gate_lr=0.01, gate_weight_decay=0.0)
    assert {id(p) for p in gate_group["params"]} == gates
    assert (backbone["lr"], gate_group["lr"], gate_group["weight_decay"]) == (0.1, 0.01, 0.0)
    assert len(backbone["params"]) + len(gate_group["params"]) == len(list(model.parameters()))
    (alone,) = insertion.parameter_groups(lr=0.1, freeze_backbone=True)
    assert {id(p) for p in model.parameters() if p.requires_grad} == gates
    assert len(alone["params"]) == len(gates)


def test_notebook_table_lists_every_site() -> None:
    html = insert(resnet18(num_classes=7, stem="cifar", image_size=32), "cbam")._repr_html_()
    assert html.count("<tr>") == 10
    assert "layer4.1.bn2" in html
    html = insert(resnet34(num_classes=7, stem="cifar", image_size=32), "cbam")._repr_html_()
    assert html.count("<tr>") == 13
    assert "6 more" in html
    assert "16 sites" in html
