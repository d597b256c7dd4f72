"""Parameter groups for fine-tuning, and the head of a network."""

from typing import Any

import pytest
import torch
from torch import nn

from foveal.attention.inserted import find_gates
from foveal.errors import UsageError
from foveal.models import build_model, build_parameter_groups, find_head

HEADS = {
    "convnet": "head.logits",
    "resnet18": "fc",
    "torchvision/resnet18": "fc",
    "torchvision/vgg11_bn": "classifier.6",
    "torchvision/squeezenet1_1": "classifier.1",
    "torchvision/mobilenet_v3_small": "classifier.3",
    "torchvision/convnext_tiny": "classifier.2",
    "torchvision/densenet121": "classifier",
    "timm/resnet18": "fc",
    "timm/regnety_002": "head.fc",
    "timm/efficientnet_b0": "classifier",
}


def list_parameter_names(model: nn.Module, group: dict[str, Any]) -> list[str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for parameter in group["params"]]


@pytest.mark.parametrize("name", HEADS)
def test_head_computes_the_logits(name: str) -> None:
    model = build_model(name, num_classes=7, image_size=64)
    head = find_head(model)
    assert head is model.get_submodule(HEADS[name])
    with torch.no_grad():
        head.weight.zero_()  # type: ignore[operator]
        nn.init.constant_(head.bias, 2.5)  # type: ignore[arg-type]
        logits = model.eval()(torch.randn(2, 3, 64, 64))
    assert torch.equal(logits, torch.full((2, 7), 2.5))


def test_gate_is_not_the_head() -> None:
    model = build_model("convnet", attention="cbam:where=conv")
    assert find_head(model) is model.get_submodule("head.logits")
    with pytest.raises(UsageError, match="Sequential has no head"):
        find_head(nn.Sequential(nn.ReLU()))


def test_one_group_in_model_order_by_default() -> None:
    model = build_model("resnet18", attention="cbam")
    (group,) = build_parameter_groups(model, lr=0.1)
    assert list_parameter_names(model, group) == [name for name, _ in model.named_parameters()]
    assert group["lr"] == 0.1


def test_gates_have_their_own_learning_rate() -> None:
    model = build_model("resnet18", attention="cbam", start="identity")
    backbone, gates = build_parameter_groups(model, lr=0.1, gate_lr=0.01)
    gate_names = [name for name, _ in model.named_parameters() if ".attention." in name]
    assert list_parameter_names(model, gates) == gate_names
    assert sorted(list_parameter_names(model, backbone) + gate_names) == sorted(
        dict(model.named_parameters())
    )
    assert (backbone["lr"], gates["lr"]) == (0.1, 0.01)


@pytest.mark.parametrize(("gate_lr", "expected"), [(None, 0.1), (0.01, 0.01)])
def test_frozen_backbone_trains_head_and_gates(gate_lr: float | None, expected: float) -> None:
    model = build_model("convnet", attention="cbam")
    head, gates = build_parameter_groups(model, lr=0.1, gate_lr=gate_lr, freeze_backbone=True)
    assert list_parameter_names(model, head) == ["head.logits.weight", "head.logits.bias"]
    assert (head["lr"], gates["lr"]) == (0.1, expected)
    asking = {name for name, p in model.named_parameters() if p.requires_grad}
    assert asking == set(list_parameter_names(model, head) + list_parameter_names(model, gates))
    assert len(gates["params"]) == sum(len([*g.parameters()]) for g in find_gates(model).values())


@pytest.mark.parametrize("attention", ["none", "simam"])
def test_gates_without_parameters_have_no_group(attention: str) -> None:
    model = build_model("convnet", attention=attention)
    assert len(build_parameter_groups(model, lr=0.1, gate_lr=0.01)) == 1
    (head,) = build_parameter_groups(model, lr=0.1, gate_lr=0.01, freeze_backbone=True)
    assert list_parameter_names(model, head) == ["head.logits.weight", "head.logits.bias"]
    (again,) = build_parameter_groups(
        model, lr=0.1
    )  # without the parameters that require no gradients
    assert list_parameter_names(model, again) == list_parameter_names(model, head)
