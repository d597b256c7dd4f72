"""Statistics of gates, compared with NumPy, and the status of gates with known weights."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from foveal.attention import ConcurrentSqueezeExcitation, create
from foveal.attention.gate import Gate
from foveal.errors import UsageError
from foveal.explanation import compute_gate_statistics, gate_maps
from foveal.models import build_model

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_identity_start_has_mixing_weight_zero_and_status_off() -> None:
    model = build_model("convnet", attention="cbam", start="identity")
    assert {gate_map.mixing_weight for gate_map in gate_maps(model, IMAGES)} == {0.0}
    statistics = compute_gate_statistics(model, [(IMAGES, torch.zeros(3))])
    assert {gate.status for gate in statistics} == {"off"}
    assert all(gate.is_redundant for gate in statistics)


def test_refuses_missing_gates_and_batches() -> None:
    with pytest.raises(UsageError, match="no gate of foveal"):
        compute_gate_statistics(build_model("convnet"), [])
    with pytest.raises(UsageError, match="at least one batch"):
        compute_gate_statistics(build_model("convnet", attention="channel"), [])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["channel", "spatial", "cbam", "bam", "coordinate", "scse"])
def test_statistics_match_numpy(name: str, dtype: torch.dtype) -> None:
    model = build_model("convnet", attention=name, seed=1).train().to(dtype)
    batches = [(IMAGES[:2], torch.zeros(2)), (IMAGES[2:], torch.zeros(1))]
    result = compute_gate_statistics(model, batches)
    assert model.training
    maps = gate_maps(model, IMAGES)
    assert [statistics.name for statistics in result] == [gate_map.name for gate_map in maps]
    for statistics, gate_map in zip(result, maps, strict=True):
        values = gate_map.values.double().numpy()
        std_between_images = np.sqrt(values.var(0).mean())
        assert statistics.mean == pytest.approx(values.mean(), abs=1e-6)
        assert statistics.std == pytest.approx(values.std(), abs=1e-6)
        assert statistics.std_between_images == pytest.approx(std_between_images, abs=1e-6)
        high = 2 if name == "scse" else 1
        outside = (values < 0.05 * high) | (values > 0.95 * high)
        assert statistics.saturated_share == pytest.approx(outside.mean())
        assert statistics.distance_from_start is None
        assert statistics.image_count == 3
        assert statistics.kind == gate_map.kind


class OneGate(nn.Module):
    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        means: Tensor = self.gate(x).mean((2, 3))
        return means


def get_status(gate: nn.Module, start: nn.Module | None = None) -> str:
    images = torch.randn(16, 4, 6, 5, generator=torch.Generator().manual_seed(2))
    initial = None if start is None else OneGate(start)
    (statistics,) = compute_gate_statistics(
        OneGate(gate), [(images, torch.zeros(16))], start=initial
    )
    return statistics.status


def test_status_of_each_kind() -> None:
    torch.manual_seed(0)
    gate = create("channel", 4, reduction=1)
    assert isinstance(gate, nn.Module)
    parameters = dict(gate.named_parameters())
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.zero_()
        assert get_status(gate) == "constant"
        parameters["expand.bias"].copy_(torch.tensor([-1.0, 0.0, 0.5, 1.0]))
        assert get_status(gate) == "fixed"
        parameters["reduce.weight"].copy_(torch.eye(4))
        parameters["expand.weight"].copy_(torch.eye(4))
        assert get_status(gate) == "working"
        assert get_status(gate, copy.deepcopy(gate)) == "unmoved"
        parameters["reduce.weight"].mul_(1000)
        parameters["expand.bias"].copy_(torch.tensor([-1e3, -1e3, -1e3, -1e3]))
        assert get_status(gate) == "saturated"


def make_scse() -> ConcurrentSqueezeExcitation:
    """Return an scSE whose spatial branch is 1 where channel 0 is positive and otherwise 0."""
    gate = ConcurrentSqueezeExcitation(4)
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.zero_()
        gate.spatial.weight[0, 0] = 1e6
        gate.channel.expand.bias.fill_(-100.0)
    return gate


def test_middle_of_the_range_is_not_saturated() -> None:
    """With its channel branch closed, scSE is 0 or 1, and 1 is the middle of its range."""
    assert get_status(make_scse()) == "working"
    images = torch.randn(16, 4, 6, 5, generator=torch.Generator().manual_seed(2))
    (statistics,) = compute_gate_statistics(OneGate(make_scse()), [(images, torch.zeros(16))])
    assert statistics.saturated_share == pytest.approx(float((images[:, 0] < 0).double().mean()))


def test_both_ends_of_the_range_are_saturated() -> None:
    gate = make_scse()
    with torch.no_grad():  # both branches are open where channel 0, which is constant, is positive
        gate.channel.reduce.weight[0, 0] = 1.0
        gate.channel.expand.weight[:, 0] = 1e6
    images = torch.randn(16, 4, 1, 1, generator=torch.Generator().manual_seed(2))
    (statistics,) = compute_gate_statistics(
        OneGate(gate), [(images.expand(-1, -1, 6, 5), torch.zeros(16))]
    )
    assert (statistics.saturated_share, statistics.status) == (1, "saturated")
    assert statistics.mean == pytest.approx(2 * float((images[:, 0] > 0).double().mean()))


def test_distance_from_start_uses_features_of_trained_model() -> None:
    model = build_model("convnet", attention="channel", seed=0)
    start = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("expand.bias"):
                parameter.add_(0.7)
    result = compute_gate_statistics(model, [(IMAGES, torch.zeros(3))], start=start)
    for statistics in result:
        gate, first = (m.get_submodule(statistics.name) for m in (model, start))
        seen: list[Tensor] = []
        handle = gate.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
        values = next(v.values for v in gate_maps(model, IMAGES) if v.name == statistics.name)
        handle.remove()
        assert isinstance(first, Gate)
        expected = (values - first.attention_map(seen[0]).detach()).abs().mean()
        assert statistics.distance_from_start == pytest.approx(float(expected), rel=1e-5)
        assert float(expected) > 0.05
    with pytest.raises(UsageError, match="the same network"):
        compute_gate_statistics(model, [(IMAGES, torch.zeros(3))], start=build_model("convnet"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_casts_images_to_model_and_does_not_change_start(dtype: torch.dtype) -> None:
    start = build_model("convnet", attention="cbam", seed=0).train()
    model = copy.deepcopy(start).to(dtype)
    batches = [(IMAGES, torch.zeros(3))]
    maps = gate_maps(model, IMAGES)
    result = compute_gate_statistics(model, batches, start=start)
    expected = compute_gate_statistics(start, batches, start=start)
    for statistics, gate_map, reference in zip(result, maps, expected, strict=True):
        assert statistics.mean == pytest.approx(float(gate_map.values.double().mean()), abs=1e-6)
        assert statistics.mean == pytest.approx(reference.mean, abs=0.02)
        assert statistics.distance_from_start == pytest.approx(0, abs=1e-9)
    assert {value.dtype for value in start.parameters()} == {torch.float32}
    assert all(module.training for module in start.modules())


def test_removes_all_hooks() -> None:
    model = build_model("convnet", attention="cbam")
    before = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    compute_gate_statistics(model, [(IMAGES, torch.zeros(3))])
    with pytest.raises(RuntimeError):
        compute_gate_statistics(model, [(torch.rand(1, 5, 32, 32), torch.zeros(1))])
    after = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert after == before
