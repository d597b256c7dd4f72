"""Networks that a trainer builds anew, as those of ultralytics: it is never silent that the gates are gone."""

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foveal import insert, insertion_of
from foveal.attention.inserted import find_gates
from foveal.models.rebuilt_networks import GatedYaml


class LibraryModel(nn.Module):
    """A network with the protocol of ultralytics: it is built from a copy of the dict `yaml`."""

    def __init__(self, yaml: dict[str, Any]) -> None:
        super().__init__()
        self.yaml = yaml
        widths = copy.deepcopy(self.yaml)["widths"]
        blocks = zip([3, *widths], widths, strict=False)
        self.model = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(a, b, 3), nn.BatchNorm2d(b), nn.ReLU()) for a, b in blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


LibraryModel.__module__ = "ultralytics.nn.tasks"


class Network(LibraryModel):
    """A class that this file defines, so that it can be pickled."""


class ForeignNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.yaml = {"widths": [4]}
        self.task = "detect"
        self.model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


EXAMPLE = torch.zeros(1, 3, 9, 8)


def build_gated() -> Network:
    model = Network({"widths": [4, 6]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        insert(model, "se", example=EXAMPLE)
    return model


def test_building_from_the_yaml_of_a_gated_network_warns_once() -> None:
    model = build_gated()
    assert isinstance(model.yaml, GatedYaml)
    with pytest.warns(
        UserWarning, match=r"built anew from one with gates, and has none.*get_model"
    ):
        rebuilt = Network(model.yaml)
    assert not find_gates(rebuilt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.deepcopy(rebuilt)  # as an average of weights
        pickled = pickle.loads(pickle.dumps(rebuilt))
    assert type(pickled.yaml) is dict
    assert pickled.yaml == {"widths": [4, 6]}


def test_copies_and_pickles_of_a_gated_network_are_silent_and_warn_when_they_are_rebuilt() -> None:
    model = build_gated()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        copies.append(copy.deepcopy(copies[1]))
        average = copy.deepcopy(model)
        average.yaml = model.yaml  # as trainers do before they save the average
        copies.append(copy.deepcopy(average))
    for each in copies:
        assert len(find_gates(each)) == 2
        assert each.yaml == {"widths": [4, 6]}
        with pytest.warns(UserWarning, match="built anew"):
            Network(each.yaml)


def test_insertion_in_the_trainer_keeps_gates_and_weights() -> None:
    source = build_gated()
    with pytest.warns(UserWarning, match="before the weights are loaded"):
        model = Network(source.yaml)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        insert(model, "se", example=EXAMPLE)
        model.load_state_dict(source.state_dict())
    x = torch.randn(2, 3, 9, 8)
    assert torch.equal(model.eval()(x), source.eval()(x))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"task": "detect", "args": {}}, r"`train\(\)` of this YOLO builds its network anew"),
        ({"args": object()}, "trainer of this network has its optimizer"),
    ],
)
def test_insertion_at_the_wrong_moment_warns(attributes: dict[str, Any], message: str) -> None:
    model = Network({"widths": [4]})
    for name, value in attributes.items():
        setattr(model, name, value)
    with pytest.warns(UserWarning, match=message) as caught:
        insert(model, "se", example=EXAMPLE)
    assert [each.filename for each in caught] == [__file__]


def test_a_loaded_network_warns_only_when_it_is_rebuilt() -> None:
    model = Network({"widths": [4]})
    model.task, model.args, model.pt_path = "detect", {}, "best.pt"  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        insert(model, "se", example=EXAMPLE)
    with pytest.warns(UserWarning, match="built anew"):
        Network(model.yaml)


def test_removal_and_other_networks_leave_the_yaml_as_it_was() -> None:
    model, foreign = build_gated(), ForeignNetwork()
    insertion_of(model).remove()
    assert type(model.yaml) is dict
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Network(model.yaml)
        insert(foreign, "se", example=EXAMPLE)
    assert type(foreign.yaml) is dict
