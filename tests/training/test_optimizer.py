"""Steps of the optimizer are those of its formula for every memory layout of a gradient."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from foveal.training import Recipe
from foveal.training.recipe import make_optimizer
from training.small_training import make_model

Array = npt.NDArray[np.float64]
MakeOptimizer = Callable[[nn.Parameter], torch.optim.Optimizer]
RATE, DECAY, STEPS = 0.1, 5e-4, 3
LAYOUTS = torch.contiguous_format, torch.channels_last


def step_by_formula(optimizer: str, weight: Array, gradient: Array) -> Array:
    """Return a weight after some steps with one gradient, by the formulas of SGD and AdamW."""
    momentum, square = np.zeros_like(weight), np.zeros_like(weight)
    for step in range(1, STEPS + 1):
        if optimizer == "sgd":
            decayed = gradient + DECAY * weight
            momentum = 0.9 * momentum + decayed if step > 1 else decayed
            weight = weight - RATE * (decayed + 0.9 * momentum)
        else:
            momentum = 0.9 * momentum + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            update = momentum / (1 - 0.9**step)
            update /= np.sqrt(square / (1 - 0.999**step)) + 1e-8
            weight = weight * (1 - RATE * DECAY) - RATE * update
    return weight


def make_own(optimizer: str) -> MakeOptimizer:
    recipe = Recipe(optimizer=optimizer, learning_rate=RATE, weight_decay=DECAY)  # type: ignore[arg-type]
    return lambda parameter: make_optimizer([{"params": [parameter]}], recipe)


def make_fused(optimizer: str) -> MakeOptimizer:
    if optimizer == "sgd":
        return lambda parameter: torch.optim.SGD(
            [parameter], RATE, 0.9, weight_decay=DECAY, nesterov=True, fused=True
        )
    return lambda parameter: torch.optim.AdamW([parameter], RATE, weight_decay=DECAY, fused=True)


def measure_error(optimizer: str, make: MakeOptimizer, weight: torch.Tensor, layout: str) -> float:
    """Return the largest error after some steps with a gradient of this layout."""
    torch.manual_seed(1)
    gradient = torch.randn(weight.shape)
    expected = step_by_formula(optimizer, weight.double().numpy(), gradient.double().numpy())
    parameter = nn.Parameter(weight)
    steps = make(parameter)
    for _ in range(STEPS):
        parameter.grad = lay_out(gradient, layout)
        steps.step()
    return float(np.abs(parameter.detach().double().numpy() - expected).max())


def lay_out(gradient: torch.Tensor, layout: str) -> torch.Tensor:
    """Return a gradient whose axes are in this order in memory."""
    order = [layout.index(axis) for axis in sorted(layout)]
    axes = np.argsort(order).tolist()
    return gradient.permute(axes).contiguous().permute(np.argsort(axes).tolist())


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("memory_format", LAYOUTS)
@pytest.mark.parametrize("layout", ["abcd", "acdb", "dcba"])
def test_steps_follow_the_formula_for_every_layout(
    optimizer: str, memory_format: torch.memory_format, layout: str
) -> None:
    weight = torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    weight = weight.contiguous(memory_format=memory_format)
    assert measure_error(optimizer, make_own(optimizer), weight, layout) < 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_with_gaps_follow_the_formula(optimizer: str) -> None:
    """The gradient of such a weight has no gaps, by the rules of autograd."""
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))[:, ::2]
    assert measure_error(optimizer, make_own(optimizer), weight, "ab") < 1e-6


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_fused_steps_of_torch_are_wrong_for_another_layout(optimizer: str) -> None:
    """If this test fails, torch is mended, and the check in `make_optimizer` can go."""
    weight = torch.randn(3, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    assert measure_error(optimizer, make_fused(optimizer), weight.clone(), "abcd") < 1e-6
    assert measure_error(optimizer, make_fused(optimizer), weight.clone(), "acdb") > 0.1


@pytest.mark.parametrize("memory_format", LAYOUTS)
@pytest.mark.parametrize("attention", ["cbam", "bam"])
def test_steps_of_our_networks_stay_fused(
    attention: str, memory_format: torch.memory_format
) -> None:
    model = make_model(attention).to(memory_format=memory_format)  # type: ignore[call-overload]
    optimizer = make_optimizer([{"params": list(model.parameters())}], Recipe())
    images = torch.rand(2, 3, 16, 16).contiguous(memory_format=memory_format)
    model(images).square().sum().backward()
    optimizer.step()
    assert all(group["fused"] for group in optimizer.param_groups)
