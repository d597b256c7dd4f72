"""A backbone with its own module named `attention`: gates are recognized by their mark, not by a name."""

import torch
from torch import Tensor, nn

from foveal import insert
from foveal.cost import measure_cost
from foveal.explanation import compute_gate_statistics, gate_maps
from foveal.explanation.grad_cam import find_last_convolution


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.attention = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.attention(self.stem(x)).mean((2, 3)))
        return out


def test_sites_and_layers_have_their_names() -> None:
    model, x = Network().eval(), torch.rand(2, 3, 12, 10)
    assert find_last_convolution(model) == "attention.0"
    insertion = insert(model, "cbam", example=x[:1])
    sites = {"stem.2", "attention.2"}
    assert {site.name for site in insertion.sites} == sites
    assert find_last_convolution(model) == "attention.0"
    assert {gate.site for gate in gate_maps(model, x)} == sites
    assert {gate.site for gate in compute_gate_statistics(model, [(x, x)])} == sites
    assert {site.site for site in measure_cost(model, (3, 12, 10), latency=False).sites} == sites
