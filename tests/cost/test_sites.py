"""What a gate adds, against the difference that taking it out makes."""

import pytest
from torch import nn

from foveal.attention import available
from foveal.cost import measure_cost
from foveal.cost.ablation import find_outermost_gates, replace_module
from foveal.models import build_model


def network(name: str, attention: str) -> nn.Module:
    return build_model(name, attention=attention, image_size=32)


@pytest.mark.parametrize("attention", available())
@pytest.mark.parametrize("where", ["residual", "stage"])
def test_added_is_the_difference(attention: str, where: str) -> None:
    shape = (3, 33, 47)
    variant = f"{attention}:where={where}"
    found = measure_cost(network("resnet18", variant), shape, batch_size=2, latency=False)
    assert found.baseline is not None
    for site in (found.sites[0], found.sites[-1]):
        without = network("resnet18", variant)
        replace_module(without, site.gate, nn.Identity())
        less = measure_cost(without, shape, batch_size=2, latency=False)
        assert found.totals.saved_bytes - less.totals.saved_bytes == site.saved_bytes
        assert found.totals.parameters - less.totals.parameters == site.parameters
        assert found.totals.macs - less.totals.macs == site.macs
        assert found.totals.element_operations - less.totals.element_operations == (
            site.element_operations
        )


@pytest.mark.parametrize("attention", ["channel", "spatial", "parallel", "series"])
def test_sites_add_up_and_are_sorted(attention: str) -> None:
    found = measure_cost(network("convnet", attention), (3, 32, 32), latency=False)
    assert found.baseline is not None
    kept = [site.saved_bytes for site in found.sites]
    assert kept == sorted(kept, reverse=True)
    assert sum(kept) == found.totals.saved_bytes - found.baseline.totals.saved_bytes
    assert sum(s.macs for s in found.sites) == found.totals.macs - found.baseline.totals.macs
    assert [site.site for site in found.sites] == [f"blocks.{k}.relu" for k in range(3)]


def test_gates_built_in_by_hand_are_found() -> None:
    from foveal.attention import CBAM, ChannelAttention

    model = nn.Sequential(nn.Conv2d(3, 32, 3), CBAM(32), nn.Sequential(ChannelAttention(32)))
    assert find_outermost_gates(model) == ["1", "2.0"]
    found = measure_cost(model, (3, 9, 11), latency=False)
    assert {site.gate for site in found.sites} == {"1", "2.0"}
    plain = measure_cost(model[:1], (3, 9, 11), latency=False)
    assert found.baseline is not None
    assert found.baseline.totals.saved_bytes == plain.totals.saved_bytes


def test_no_gates_no_sites_and_no_baseline() -> None:
    found = measure_cost(network("convnet", "none"), (3, 32, 32), latency=False)
    assert found.sites == ()
    assert found.baseline is None
