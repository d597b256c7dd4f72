"""Mean weights of the last fifth of a training, against means computed by hand."""

import pytest
import torch
from torch import nn

from foveal.training.weight_average import WeightAverage


def make_network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))


def set_weights(model: nn.Module, value: float) -> None:
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.fill_(value)


@pytest.mark.parametrize(
    ("steps", "averaged"), [(10, [9, 10]), (1, [1]), (4, [4]), (20, [17, 18, 19, 20])]
)
def test_mean_is_over_the_last_fifth(steps: int, averaged: list[int]) -> None:
    model = make_network()
    average = WeightAverage(model, steps)
    for step in range(1, steps + 1):
        set_weights(model, step)
        average.update(step)
    expected = sum(averaged) / len(averaged)
    with average.applied():
        for name, tensor in model.state_dict().items():
            value = steps if name.endswith("num_batches_tracked") else expected
            torch.testing.assert_close(tensor, torch.full_like(tensor, value))
    for tensor in model.state_dict().values():
        assert (tensor == steps).all()


def test_state_continues_bit_for_bit() -> None:
    """A mean that was stored and loaded is the one that was never interrupted."""
    results = []
    for interrupted in (False, True):
        torch.manual_seed(0)
        model = make_network()
        average = WeightAverage(model, 15)
        for step in range(1, 16):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn_like(parameter))
            average.update(step)
            if interrupted and step in (5, 14):
                state = average.state_dict()
                average = WeightAverage(model, 15)
                average.load_state_dict(state)
        with average.applied():
            results.append({name: t.clone() for name, t in model.state_dict().items()})
    for name, tensor in results[0].items():
        assert torch.equal(tensor, results[1][name])


def test_weights_return_after_an_error() -> None:
    model = make_network()
    average = WeightAverage(model, 1)
    set_weights(model, 1.0)
    average.update(1)
    set_weights(model, 2.0)
    with pytest.raises(RuntimeError), average.applied():
        raise RuntimeError
    assert all((tensor == 2).all() for tensor in model.state_dict().values())
