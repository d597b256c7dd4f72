"""Parameters and multiply-adds of networks with attention, counted without weights or images."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from foveal.cost import compare_costs
from foveal.models import build_model

IMAGE_SIZE = 224


@dataclass(frozen=True)
class Cost:
    """Cost of one image; `multiply_adds` are those of convolutions and matrix products only."""

    parameters: int
    multiply_adds: int


@functools.cache
def count_cost(network: str, attention: str) -> Cost:
    """Return the cost of one image of 3x224x224, counted on tensors of the meta device."""
    with torch.device("meta"):
        model = build_model(
            network, num_classes=1000, image_size=IMAGE_SIZE, stem="imagenet", attention=attention
        )
    comparison = compare_costs(
        {attention: model}, (3, IMAGE_SIZE, IMAGE_SIZE), device="meta", latency=False
    )
    totals = comparison.reports[attention].totals
    return Cost(totals.parameters, totals.macs)


def count_added_cost(network: str, attention: str) -> Cost:
    """Return the cost that attention adds to the plain network."""
    plain, total = count_cost(network, "none"), count_cost(network, attention)
    return Cost(total.parameters - plain.parameters, total.multiply_adds - plain.multiply_adds)
