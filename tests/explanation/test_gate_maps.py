"""Maps of gates, compared with their effect on the features."""

import pytest
import torch
from torch import Tensor

from foveal.attention import available, create
from foveal.attention.gate import Gate
from foveal.errors import UsageError
from foveal.explanation import gate_maps
from foveal.models import build_model

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", available())
def test_maps_are_factors_of_features(name: str) -> None:
    model = build_model("convnet", attention=name, seed=0).train()
    records: dict[str, tuple[Tensor, Tensor]] = {}
    handles = [
        module.register_forward_hook(
            lambda _, inputs, out, name=key: records.update({name: (inputs[0], out)})
        )
        for key, module in model.named_modules()
        if isinstance(module, Gate)
    ]
    maps = gate_maps(model, IMAGES)
    for handle in handles:
        handle.remove()
    assert model.training
    assert [gate_map.name for gate_map in maps] == [
        key for key in records if key in {m.name for m in maps}
    ]
    for gate_map in maps:
        features, out = records[gate_map.name]
        gate = model.get_submodule(gate_map.name)
        assert isinstance(gate, Gate)
        expected = features * gate_map.values + (features if gate.residual else 0)
        torch.testing.assert_close(expected, out, atol=1e-5, rtol=1e-4)
        assert gate_map.site.startswith("blocks.")
        assert gate_map.spatial_map.shape[0] == gate_map.channel_weights.shape[0] == 3


def test_cbam_has_two_maps_per_site() -> None:
    maps = gate_maps(build_model("convnet", attention="cbam"), IMAGES[:1])
    assert [gate_map.kind for gate_map in maps] == ["channel", "spatial"] * 3
    assert [tuple(gate_map.values.shape) for gate_map in maps[:2]] == [
        (1, 32, 1, 1),
        (1, 1, 32, 32),
    ]
    (both,) = gate_maps(build_model("convnet", attention="bam"), IMAGES[:1])[:1]
    assert both.kind == "both"
    torch.testing.assert_close(both.spatial_map, both.values.mean(1))
    torch.testing.assert_close(both.channel_weights, both.values.mean((2, 3)))


def test_rectangular_single_image() -> None:
    gate = create("cbam", 8)
    maps = gate_maps(gate, torch.rand(1, 8, 5, 9))
    assert [tuple(gate_map.values.shape) for gate_map in maps] == [(1, 8, 1, 1), (1, 1, 5, 9)]
    assert {gate_map.site for gate_map in maps} == {"channel", "spatial"}


def test_refuses_model_without_gates() -> None:
    with pytest.raises(UsageError, match="no gate of foveal"):
        gate_maps(build_model("convnet"), IMAGES)
