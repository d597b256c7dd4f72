"""Rank correlations against SciPy, and gates whose agreement is known."""

import copy
from math import nan

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from foveal.attention import create
from foveal.errors import UsageError
from foveal.explanation import agreement, gate_maps, grad_cam, occlusion_sensitivity
from foveal.explanation.agreement import over_image
from foveal.explanation.ranks import rank_correlation
from foveal.models import build_model


def test_rank_correlation_is_that_of_scipy() -> None:
    source = torch.Generator().manual_seed(0)
    a = torch.randint(6, (4, 30), generator=source).float()  # with equal ranks
    b = torch.rand(4, 30, generator=source)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert rank_correlation(a, b).tolist() == pytest.approx(expected, abs=1e-12)
    flat = rank_correlation(torch.ones(1, 5), torch.rand(1, 5))
    assert bool(flat.isnan().all())


class Marked(nn.Module):
    """The logit of class 1 is the sum of the pixels that the gate lets through: it looks there alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.conv.weight)
        self.attention = create("spatial", 1, kernel_size=1, norm=False)
        with torch.no_grad():
            for name, parameter in self.attention.named_parameters():
                parameter.fill_(4.0 if name.endswith("weight") else -4.0)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.attention(self.conv(x)).sum((1, 2, 3))
        return torch.stack((-seen, seen), 1)


def test_a_gate_that_decides_agrees_and_a_redrawn_one_need_not() -> None:
    images = torch.rand(4, 1, 16, 20, generator=torch.Generator().manual_seed(1))
    model = Marked().train()
    found = agreement(model, images, [1] * 4, window=4, fill=0.0, score="logit", draws=8)
    assert model.training
    by_pair = {(one.first, one.second): one for one in found}
    own = by_pair["attention", "occlusion"]
    assert own.mean > 0.95
    # The sign of a redrawn gate's weight is chance: it agrees as often as it contradicts.
    assert own.control is not None
    assert own.control.shape == (8, 4)
    assert own.control_mean is not None
    assert own.control_mean < own.mean
    assert by_pair["grad-cam", "occlusion"].control is None


def test_values_are_those_of_the_maps_one_by_one() -> None:
    model = build_model("convnet", attention="series", seed=3)
    images, labels = torch.rand(4, 3, 32, 32), [2, 7, 1, 5]
    state = copy.deepcopy(model.state_dict())
    found = {(one.first, one.second): one for one in agreement(model, images, labels, draws=1)}
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    sweep = occlusion_sensitivity(model, images, labels)
    cam = sweep.windows.pool(grad_cam(model, images, labels))
    spatial = [one for one in gate_maps(model, images) if one.kind == "spatial"]
    assert len(found) == 1 + 2 * len(spatial)
    for one in spatial:
        grid = sweep.windows.pool(over_image(one, (32, 32)))
        for name, other in (("occlusion", sweep.grid()), ("grad-cam", cam)):
            pairs = [(a.flatten(), b.flatten()) for a, b in zip(grid, other, strict=True)]
            flat = [bool((b == b[0]).all()) for _, b in pairs]
            assert not all(flat)
            expected = [
                nan if f else spearmanr(*p).statistic for p, f in zip(pairs, flat, strict=True)
            ]
            own = found[one.name, name].correlation.tolist()
            assert own == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_without_gates_over_positions_only_maps_are_compared() -> None:
    for attention in ("none", "channel"):
        model = build_model("convnet", attention=attention)
        (only,) = agreement(model, torch.rand(1, 3, 32, 32), [0])
        assert (only.first, only.second) == ("grad-cam", "occlusion")
    with pytest.raises(UsageError, match="`draws`"):
        agreement(model, torch.rand(1, 3, 32, 32), [0], draws=0)
