"""What gates say: their maps against what they did to the features, their statistics against NumPy."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from foveal.attention import available, create
from foveal.attention.gate import Gate
from foveal.errors import UsageError
from foveal.explanation import gate_maps, gate_statistics
from foveal.models import build_model

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", available())
def test_maps_are_what_the_features_were_multiplied_by(name: str) -> None:
    model = build_model("convnet", attention=name, seed=0).train()
    went_through: dict[str, tuple[Tensor, Tensor]] = {}
    handles = [
        module.register_forward_hook(
            lambda _, given, out, name=key: went_through.update({name: (given[0], out)})
        )
        for key, module in model.named_modules()
        if isinstance(module, Gate)
    ]
    maps = gate_maps(model, IMAGES)
    for handle in handles:
        handle.remove()
    assert model.training
    assert [one.name for one in maps] == [
        key for key in went_through if key in {m.name for m in maps}
    ]
    for one in maps:
        features, out = went_through[one.name]
        gate = model.get_submodule(one.name)
        assert isinstance(gate, Gate)
        own = features * one.values + (features if gate.residual else 0)
        torch.testing.assert_close(own, out, atol=1e-5, rtol=1e-4)
        assert one.site.startswith("blocks.")
        assert one.spatial_map.shape[0] == one.channel_weights.shape[0] == 3


def test_a_series_gate_has_two_maps_a_site() -> None:
    maps = gate_maps(build_model("convnet", attention="series"), IMAGES[:1])
    assert [one.kind for one in maps] == ["channel", "spatial"] * 3
    assert [tuple(one.values.shape) for one in maps[:2]] == [(1, 32, 1, 1), (1, 1, 32, 32)]
    (both,) = gate_maps(build_model("convnet", attention="parallel"), IMAGES[:1])[:1]
    assert both.kind == "both"
    torch.testing.assert_close(both.spatial_map, both.values.mean(1))
    torch.testing.assert_close(both.channel_weights, both.values.mean((2, 3)))


def test_a_gate_that_starts_from_the_identity_says_how_far_it_is_mixed_in() -> None:
    model = build_model("convnet", attention="series", start="identity")
    assert {one.mixing_weight for one in gate_maps(model, IMAGES)} == {0.0}
    statistics = gate_statistics(model, [(IMAGES, torch.zeros(3))])
    assert {one.status for one in statistics} == {"off"}
    assert all(one.is_redundant for one in statistics)


def test_wide_images_and_a_single_one() -> None:
    gate = create("series", 8)
    maps = gate_maps(gate, torch.rand(1, 8, 5, 9))
    assert [tuple(one.values.shape) for one in maps] == [(1, 8, 1, 1), (1, 1, 5, 9)]
    assert {one.site for one in maps} == {"channel", "spatial"}


def test_a_model_without_gates_is_refused() -> None:
    for ask in (lambda m: gate_maps(m, IMAGES), lambda m: gate_statistics(m, [])):
        with pytest.raises(UsageError, match="no gate of foveal"):
            ask(build_model("convnet"))
    with pytest.raises(UsageError, match="at least one batch"):
        gate_statistics(build_model("convnet", attention="channel"), [])


@pytest.mark.parametrize("name", ["channel", "spatial", "series", "parallel", "coordinate"])
def test_statistics_are_those_of_all_values(name: str) -> None:
    model = build_model("convnet", attention=name, seed=1).train()
    batches = [(IMAGES[:2], torch.zeros(2)), (IMAGES[2:], torch.zeros(1))]
    found = gate_statistics(model, batches)
    assert model.training
    maps = gate_maps(model, IMAGES)
    assert [one.name for one in found] == [one.name for one in maps]
    for one, at in zip(found, maps, strict=True):
        values = at.values.double().numpy()
        assert one.mean == pytest.approx(values.mean(), abs=1e-6)
        assert one.std == pytest.approx(values.std(), abs=1e-6)
        assert one.std_between_images == pytest.approx(np.sqrt(values.var(0).mean()), abs=1e-6)
        outside = (values < 0.05) | (values > 0.95)
        assert one.saturated_share == pytest.approx(outside.mean())
        assert (one.distance_from_start, one.image_count, one.kind) == (None, 3, at.kind)


class OneGate(nn.Module):
    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.gate(x).mean((2, 3))
        return found


def finding(gate: nn.Module, start: nn.Module | None = None, *, scale: float = 1.0) -> str:
    images = torch.randn(16, 4, 6, 5, generator=torch.Generator().manual_seed(2)) * scale
    first = None if start is None else OneGate(start)
    (found,) = gate_statistics(OneGate(gate), [(images, torch.zeros(16))], start=first)
    return found.status


def test_what_is_found_of_a_gate() -> None:
    torch.manual_seed(0)
    gate = create("channel", 4, reduction=1)
    assert isinstance(gate, nn.Module)
    parameters = dict(gate.named_parameters())
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.zero_()
        assert finding(gate) == "constant"
        parameters["expand.bias"].copy_(torch.tensor([-1.0, 0.0, 0.5, 1.0]))
        assert finding(gate) == "fixed"
        parameters["reduce.weight"].copy_(torch.eye(4))
        parameters["expand.weight"].copy_(torch.eye(4))
        assert finding(gate) == "working"
        assert finding(gate, copy.deepcopy(gate)) == "unmoved"
        parameters["reduce.weight"].mul_(1000)
        parameters["expand.bias"].copy_(torch.tensor([-1e3, -1e3, -1e3, -1e3]))
        assert finding(gate) == "saturated"


def test_how_far_a_gate_has_moved_is_told_for_the_features_it_gets_now() -> None:
    model = build_model("convnet", attention="channel", seed=0)
    start = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("expand.bias"):
                parameter.add_(0.7)
    found = gate_statistics(model, [(IMAGES, torch.zeros(3))], start=start)
    for one in found:
        gate, first = (m.get_submodule(one.name) for m in (model, start))
        seen: list[Tensor] = []
        handle = gate.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        values = next(v.values for v in gate_maps(model, IMAGES) if v.name == one.name)
        handle.remove()
        assert isinstance(first, Gate)
        expected = (values - first.attention_map(seen[0]).detach()).abs().mean()
        assert one.distance_from_start == pytest.approx(float(expected), rel=1e-5)
        assert float(expected) > 0.05
    with pytest.raises(UsageError, match="the same network"):
        gate_statistics(model, [(IMAGES, torch.zeros(3))], start=build_model("convnet"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_images_are_cast_to_the_model_and_the_start_is_left_alone(dtype: torch.dtype) -> None:
    start = build_model("convnet", attention="series", seed=0).train()
    model = copy.deepcopy(start).to(dtype)
    batches = [(IMAGES, torch.zeros(3))]
    maps = gate_maps(model, IMAGES)
    found = gate_statistics(model, batches, start=start)
    expected = gate_statistics(start, batches, start=start)
    for one, at, plain in zip(found, maps, expected, strict=True):
        assert one.mean == pytest.approx(float(at.values.double().mean()), abs=1e-6)
        assert one.mean == pytest.approx(plain.mean, abs=0.02)
        assert one.distance_from_start == pytest.approx(0, abs=1e-9)
    assert {value.dtype for value in start.parameters()} == {torch.float32}
    assert all(module.training for module in start.modules())


def test_no_hook_stays() -> None:
    model = build_model("convnet", attention="series")
    before = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    gate_statistics(model, [(IMAGES, torch.zeros(3))])
    with pytest.raises(RuntimeError):
        gate_statistics(model, [(torch.rand(1, 5, 32, 32), torch.zeros(1))])
    after = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert after == before
