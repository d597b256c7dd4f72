"""Cost of each gate, compared with the difference between the network with and without it."""

import pytest
from torch import Tensor, nn

from foveal.attention import CBAM, ChannelAttention, available
from foveal.cost import CostReport, compare_costs, measure_cost
from foveal.cost.ablation import find_outermost_gates, replace_module
from foveal.models import build_model


def build_network(name: str, attention: str) -> nn.Module:
    return build_model(name, attention=attention, image_size=32)


def measure_alone(model: nn.Module) -> CostReport:
    """Return the report without that of the network without gates."""
    return compare_costs(
        {"model": model}, (3, 33, 47), batch_size=2, latency=False
    ).reports["model"]  # fmt: skip


@pytest.mark.parametrize("attention", available())
@pytest.mark.parametrize("where", ["residual", "stage"])
def test_site_cost_is_the_difference_without_the_gate(attention: str, where: str) -> None:
    variant = f"{attention}:where={where}"
    with_gates = measure_alone(build_network("resnet18", variant))
    for site in (with_gates.sites[0], with_gates.sites[-1]):
        model = build_network("resnet18", variant)
        replace_module(model, site.gate, nn.Identity())
        more, less = with_gates.totals, measure_alone(model).totals
        assert more.saved_bytes - less.saved_bytes == site.saved_bytes
        assert more.parameters - less.parameters == site.parameters
        assert more.macs - less.macs == site.macs
        assert more.element_operations - less.element_operations == site.element_operations


@pytest.mark.parametrize("attention", ["channel", "spatial", "bam", "cbam"])
def test_site_costs_sum_to_the_difference_and_are_sorted(attention: str) -> None:
    report = measure_cost(build_network("convnet", attention), (3, 32, 32), latency=False)
    assert report.baseline is not None
    saved = [site.saved_bytes for site in report.sites]
    assert saved == sorted(saved, reverse=True)
    assert sum(saved) == report.totals.saved_bytes - report.baseline.totals.saved_bytes
    macs = sum(site.macs for site in report.sites)
    assert macs == report.totals.macs - report.baseline.totals.macs
    assert [site.site for site in report.sites] == [f"blocks.{k}.relu" for k in range(3)]


def test_finds_gates_that_were_not_inserted() -> None:
    model = nn.Sequential(nn.Conv2d(3, 32, 3), CBAM(32), nn.Sequential(ChannelAttention(32)))
    assert find_outermost_gates(model) == ["1", "2.0"]
    report = measure_cost(model, (3, 9, 11), latency=False)
    assert {site.gate for site in report.sites} == {"1", "2.0"}
    convolution = measure_cost(model[:1], (3, 9, 11), latency=False)
    assert report.baseline is not None
    assert report.baseline.totals.saved_bytes == convolution.totals.saved_bytes


def test_network_without_gates_has_no_baseline() -> None:
    report = measure_cost(build_network("convnet", "none"), (3, 32, 32), latency=False)
    assert report.sites == ()
    assert report.baseline is None


def test_gate_at_two_places_is_one_site() -> None:
    class SharedGate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3)
            self.gate = CBAM(8)
            self.again = self.gate
            self.last = nn.Conv2d(8, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.again(self.last(self.gate(self.first(x))))
            return out

    report = measure_cost(SharedGate(), (3, 9, 11), latency=False)
    assert report.baseline is not None
    assert report.baseline.totals.parameters == 3 * 8 * 9 + 8 + 8 * 8 * 9 + 8
    (site,) = report.sites
    assert site.saved_bytes == report.totals.saved_bytes - report.baseline.totals.saved_bytes
