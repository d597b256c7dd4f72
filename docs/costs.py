"""Parameters and multiply-adds of a network, counted without weights or images."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from foveal.cost import compare_costs
from foveal.models import build_model

SIDE = 224


@dataclass(frozen=True)
class Cost:
    """Of one image; `multiply_adds` are those of convolutions and matrix products only."""

    parameters: int
    multiply_adds: int


@functools.cache
def cost(network: str, attention: str) -> Cost:
    """Count for one image of 3x224x224, on tensors that have a shape and no values."""
    with torch.device("meta"):
        model = build_model(
            network, num_classes=1000, image_size=SIDE, stem="imagenet", attention=attention
        )
    compared = compare_costs({attention: model}, (3, SIDE, SIDE), device="meta", latency=False)
    totals = compared.reports[attention].totals
    return Cost(totals.parameters, totals.macs)


def added(network: str, attention: str) -> Cost:
    """Return what the attention adds to the plain network."""
    plain, whole = cost(network, "none"), cost(network, attention)
    return Cost(whole.parameters - plain.parameters, whole.multiply_adds - plain.multiply_adds)
