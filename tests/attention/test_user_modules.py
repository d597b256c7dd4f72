"""Attention modules of users: classes, functions, `package.module:Class`, variants, the contract report."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from foveal import insert
from foveal.attention import (
    CBAM,
    canonicalize_variant,
    check,
    create,
    get_entry,
    parse_variant,
)
from foveal.cli import main
from foveal.errors import UsageError
from foveal.explanation import gate_maps
from foveal.models import ConvNet, build_model

SOURCE = """
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, channels, groups=1):
        super().__init__()
        self.weigh = nn.Conv2d(channels, channels, 1, groups=groups)

    def forward(self, x):
        return x * torch.sigmoid(self.weigh(x.mean((2, 3), keepdim=True)))
"""


class Scale(nn.Module):
    """As people write them: positional options after the channels."""

    def __init__(self, channels: int, reduction: int = 4, power: float = 1.0) -> None:
        super().__init__()
        self.power = power
        self.reduce = nn.Conv2d(channels, max(1, channels // reduction), 1)
        self.expand = nn.Conv2d(max(1, channels // reduction), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.expand(self.reduce(x.mean((2, 3), keepdim=True)).relu())
        weighted: Tensor = x * torch.sigmoid(weights) ** self.power
        return weighted


class AnyRank(nn.Module):
    def __init__(self, channels: int, *, dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class AnyOption(nn.Module):
    def __init__(self, channels: int, temperature: float, **options: object) -> None:
        super().__init__()
        self.options = {"temperature": temperature, **options}

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class Mixing(nn.Module):
    """Wrong in three ways: it mixes images, needs two positions, and has a parameter without effect."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x * self.norm(x) + x.mean(0, keepdim=True)
        return mixed


class Doubling(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], 1)


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_gates.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_gates", raising=False)
    return "own_gates"


def test_inserts_a_class_with_its_options() -> None:
    x = torch.randn(2, 3, 32, 32)
    model = ConvNet().eval()
    expected = model(x)
    insertion = insert(model, Scale, reduction=8, power=2.0)
    assert [type(gate) for gate in insertion.gates] == [Scale] * 3
    assert {gate.power for gate in insertion.gates} == {2.0}
    assert [gate.reduce.out_channels for gate in insertion.gates] == [4, 8, 16]  # type: ignore[union-attr]
    assert insertion.attention == f"{__name__}:Scale"
    assert not torch.equal(model(x), expected)
    insertion.remove()
    assert torch.equal(model(x), expected)


def test_a_registered_class_is_its_entry() -> None:
    assert get_entry(CBAM) is get_entry("cbam")
    assert insert(ConvNet(), CBAM, reduction=8).attention == "cbam"


def test_passes_dims_by_keyword_only_where_it_is_named() -> None:
    assert create(AnyRank, 8).dims == 2
    assert create(Scale, 8).reduce.out_channels == 2  # type: ignore[union-attr]
    assert "dims" not in get_entry(AnyRank).options


def test_a_class_with_any_options_receives_them() -> None:
    module = create(AnyOption, 8, temperature=0.5, other="x")
    assert module.options == {"temperature": 0.5, "other": "x"}


@pytest.mark.parametrize(
    ("attention", "options", "message"),
    [
        (Scale(8), {}, "should be a class.*give Scale and its options"),
        (3, {}, "Parameter `attention` should be a name, a class or a function"),
        (Scale, {"reducton": 3}, "Did you mean 'reduction'"),
        (AnyOption, {}, "needs the option 'temperature'"),
        (Scale, {"reduction": 0}, r"Scale\(32, reduction=0\) raised ZeroDivisionError"),
        (lambda channels: channels, {}, "should return a torch.nn.Module"),
        (lambda: nn.Identity(), {}, "number of channels as its first argument"),
    ],
)
def test_refuses_in_a_sentence(attention: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        insert(ConvNet(), attention, **options)  # type: ignore[arg-type]


def test_variants_name_a_class_and_the_checksum_of_its_source(
    module_name: str, tmp_path: Path
) -> None:
    variant = canonicalize_variant(f"{module_name}:Gate:groups=2:where=conv")
    name, checksum = variant.removesuffix(":groups=2:where=conv").split("@")
    assert (name, len(checksum)) == ("own_gates:Gate", 8)
    assert canonicalize_variant(variant) == variant
    assert canonicalize_variant(f"{module_name}:Gate:groups=1") == f"{name}@{checksum}"
    control = canonicalize_variant(f"wide:like={module_name}:Gate:groups=2")
    assert control == f"wide:like={name}@{checksum}:groups=2"
    spec = parse_variant(variant)
    assert (spec.name, spec.where, spec.options) == (name, "conv", {"groups": 2})
    with pytest.raises(UsageError, match="The source of own_gates:Gate has changed"):
        parse_variant(f"{name}@00000000")


def test_builds_a_network_with_a_class_by_name(module_name: str) -> None:
    model = build_model("convnet", attention=f"{module_name}:Gate:groups=4")
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.groups for conv in convolutions if conv.groups > 1] == [4, 4, 4]


def test_cost_lists_a_class_by_name(module_name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--attention", f"{module_name}:Gate", "--device", "meta", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)["variants"]
    assert list(reports) == ["none", "own_gates:Gate"]


def test_names_the_gates_that_have_no_map() -> None:
    model = ConvNet()
    insert(model, Scale)
    with pytest.raises(UsageError, match=r"gates of the model \(Scale\) expose no map"):
        gate_maps(model, torch.rand(1, 3, 32, 32))


def test_check_prints_what_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(Scale, reduction=2) == {}
    assert "meets the contract" in capsys.readouterr().out
    failures = check(Mixing)
    assert {
        "images are independent in eval mode",
        "trains on any shape",
        "every parameter gets a gradient",
    } <= set(failures)
    assert "no gradient for unused" in failures["every parameter gets a gradient"]
    assert "keeps the shape of the map" not in failures
    printed = capsys.readouterr().out
    assert "FAILS images are independent" in printed
    assert "ok    keeps the shape of the map" in printed
    assert "becomes (2, 64, 8, 8)" in check(Doubling)["keeps the shape of the map"]
    with pytest.raises(UsageError, match="Did you mean 'reduction'"):
        check(Scale, reducton=2)
