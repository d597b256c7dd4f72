"""Agreement of maps, compared with SciPy and for gates with known agreement."""

import copy
from math import nan
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from foveal.attention import create
from foveal.errors import UsageError
from foveal.explanation import (
    Agreement,
    gate_maps,
    grad_cam,
    measure_agreement,
    occlusion_sensitivity,
)
from foveal.explanation.agreement import resize_to_image
from foveal.explanation.rank_correlation import compute_rank_correlation
from foveal.models import build_model
from foveal.seeding import fork_rng


def test_rank_correlation_matches_scipy() -> None:
    source = torch.Generator().manual_seed(0)
    a = torch.randint(6, (4, 30), generator=source).float()  # with ties
    b = torch.rand(4, 30, generator=source)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert compute_rank_correlation(a, b).tolist() == pytest.approx(expected, abs=1e-12)
    several = torch.stack([b, a.flip(0), b.square()])
    for row, each in zip(compute_rank_correlation(several, a), several, strict=True):
        assert torch.equal(row, compute_rank_correlation(each, a))
    flat = compute_rank_correlation(torch.ones(1, 5), torch.rand(1, 5))
    assert bool(flat.isnan().all())


class GateOnlyModel(nn.Module):
    """A model whose logit of class 1 is the sum of the gated pixels, so the gate decides."""

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


def test_rank_counts_the_redrawn_gates_that_agree_as_much() -> None:
    """A redrawn gate of one weight orders the pixels as the gate does, or the other way round."""
    images = torch.rand(4, 1, 16, 20, generator=torch.Generator().manual_seed(1))
    model = GateOnlyModel().train()
    result = measure_agreement(model, images, [1] * 4, window=4, fill=0.0, score="logit", draws=8)
    assert model.training
    by_pair = {(pair.first, pair.second): pair for pair in result}
    agreement = by_pair["attention", "occlusion"]
    assert agreement.mean > 0.95
    assert agreement.redrawn is not None
    assert (agreement.redrawn.shape, agreement.draws) == ((8, 4), 8)
    assert bool((agreement.redrawn.abs() > 0.9).all())
    positive = int((agreement.redrawn[:, 0] > 0).sum())
    assert 0 < positive < 8
    assert agreement.rank is not None
    assert agreement.rank <= 1 + positive
    assert agreement.rank == 1 + sum(
        float(row.mean()) >= agreement.mean for row in agreement.redrawn
    )
    assert agreement.activation_mean is not None
    assert agreement.activation_mean > 0.9  # the features are the pixels, which the gate orders
    alone = by_pair["grad-cam", "occlusion"]
    assert (alone.rank, alone.draws, alone.activation_mean) == (None, 0, None)


@pytest.mark.parametrize(
    ("means", "rank"),
    [([0.1] * 20, 1), ([0.9] * 20, 21), ([0.5] * 20, 21), ([0.6, 0.4, nan, -0.9], 2), ([0.8], 2)],
    ids=str,
)
def test_rank_in_closed_form(means: list[float], rank: int) -> None:
    correlation = torch.tensor([0.4, nan, 0.6])
    redrawn = torch.tensor(means)[:, None].expand(-1, 3)
    assert Agreement("gate", "occlusion", correlation, redrawn).rank == rank
    assert Agreement("gate", "occlusion", torch.full((3,), nan), redrawn).rank is None


def test_one_redrawn_gate_is_the_network_with_that_gate_only() -> None:
    model = build_model("convnet", attention="cbam", seed=3)
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    result = occlusion_sensitivity(model, images, [2, 7, 1])
    options: dict[str, Any] = {"result": result, "draws": 2, "seed": 5}
    pairs = [pair for pair in measure_agreement(model, images, None, **options) if pair.draws][::2]
    assert len(pairs) == 3
    for pair in pairs:
        changed = copy.deepcopy(model)
        conv = changed.get_submodule(pair.first).get_submodule("conv")
        with fork_rng(6, "redrawn-gate", pair.first):
            conv.reset_parameters()  # type: ignore[operator]
        again = measure_agreement(changed, images, None, **options)
        (expected,) = [
            each for each in again if (each.first, each.second) == (pair.first, "occlusion")
        ]
        assert pair.redrawn is not None
        torch.testing.assert_close(pair.redrawn[1], expected.correlation, equal_nan=True)
        assert not torch.equal(pair.redrawn[0], pair.redrawn[1])


def test_activation_is_the_mean_absolute_feature() -> None:
    model = build_model("convnet", attention="bam", seed=3).eval()
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    images = images[..., :32]
    result = occlusion_sensitivity(model, images, [2, 7])
    seen: dict[str, Tensor] = {}
    for pair in measure_agreement(model, images, None, result=result, draws=1):
        if pair.second != "occlusion" or pair.first == "grad-cam":
            continue
        gate = model.get_submodule(pair.first)
        handle = gate.register_forward_pre_hook(lambda _, x: seen.update(features=x[0]))
        model(images)
        handle.remove()
        maps = seen["features"].detach().abs().mean(1, keepdim=True)
        maps = nn.functional.interpolate(maps, size=(32, 32), mode="bilinear")[:, 0]
        grids = result.windows.pixels_to_grid(maps).flatten(1)
        expected = [
            spearmanr(a, b).statistic for a, b in zip(grids, result.grid().flatten(1), strict=True)
        ]
        assert pair.activation is not None
        assert pair.activation.tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_values_match_single_maps() -> None:
    model = build_model("convnet", attention="cbam", seed=3)
    images, labels = torch.rand(4, 3, 32, 32), [2, 7, 1, 5]
    state = copy.deepcopy(model.state_dict())
    result = {
        (pair.first, pair.second): pair
        for pair in measure_agreement(model, images, labels, draws=1)
    }
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    sweep = occlusion_sensitivity(model, images, labels)
    cam = sweep.windows.pixels_to_grid(grad_cam(model, images, labels))
    spatial = [gate for gate in gate_maps(model, images) if gate.kind == "spatial"]
    assert len(result) == 1 + 2 * len(spatial)
    for gate in spatial:
        grid = sweep.windows.pixels_to_grid(resize_to_image(gate, (32, 32)))
        for name, other in (("occlusion", sweep.grid()), ("grad-cam", cam)):
            pairs = [(a.flatten(), b.flatten()) for a, b in zip(grid, other, strict=True)]
            flat = [bool((b == b[0]).all()) for _, b in pairs]
            assert not all(flat)
            expected = [
                nan if f else spearmanr(*p).statistic for p, f in zip(pairs, flat, strict=True)
            ]
            actual = result[gate.name, name].correlation.tolist()
            assert actual == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_gate_without_parameters_has_no_control() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    result = measure_agreement(build_model("convnet", attention="simam"), images, [0, 1], draws=2)
    assert len(result) > 1
    assert all(pair.redrawn is None and pair.rank is None for pair in result)
    assert all(pair.activation is not None for pair in result[1:])


@pytest.mark.parametrize("target", ["label", "pred", 6])
def test_uses_given_result_without_new_sweep(target: str | int) -> None:
    models = {name: build_model("convnet", attention=name, seed=3) for name in ("none", "cbam")}
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    labels = [2, 7, 1]
    result = occlusion_sensitivity(models, images, labels, target=target)
    for name, model in models.items():
        passes: list[int] = []
        handle = model.register_forward_pre_hook(
            lambda _, x, passes=passes: passes.append(len(x[0]))
        )
        actual = measure_agreement(model, images, labels, result=result, name=name, draws=1)
        handle.remove()
        assert sum(passes) <= 2 * len(images)  # Grad-CAM and gates
        expected = measure_agreement(model, images, labels, target=target, draws=1)
        assert [(a.first, a.second) for a in actual] == [(b.first, b.second) for b in expected]
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(
                a.correlation, b.correlation, atol=0.02, rtol=0, equal_nan=True
            )
        classes = {"label": labels, "pred": model.eval()(images).argmax(1), 6: [6] * 3}[target]
        cam = result.windows.pixels_to_grid(grad_cam(model, images, classes))
        expected_first = compute_rank_correlation(cam.flatten(1), result.grid(name).flatten(1))
        assert torch.equal(actual[0].correlation.nan_to_num(9), expected_first.nan_to_num(9))
        assert not bool(expected_first.isnan().all())


def test_refuses_invalid_arguments() -> None:
    model, images = build_model("convnet"), torch.rand(2, 3, 32, 32)
    result = occlusion_sensitivity(model, images, [0, 1], target="all")
    for options in ({"target": "all"}, {"result": result}):
        with pytest.raises(UsageError, match="one class per image"):
            measure_agreement(model, images, [0, 1], **options)
    result = occlusion_sensitivity(model, images, [0, 1])
    for other in (images[:1], images[:, :, :30]):
        with pytest.raises(UsageError, match="`result` should be a sweep over images of shape"):
            measure_agreement(model, other, [0] * len(other), result=result)
    with pytest.raises(UsageError, match="Remove the options window"):
        measure_agreement(model, images, [0, 1], result=result, window=4)
    with pytest.raises(UsageError, match="no model in this result 'other'"):
        measure_agreement(model, images, [0, 1], result=result, name="other")


def test_without_spatial_gates_compares_grad_cam_and_occlusion() -> None:
    for attention in ("none", "channel"):
        model = build_model("convnet", attention=attention)
        (only,) = measure_agreement(model, torch.rand(1, 3, 32, 32), [0])
        assert (only.first, only.second) == ("grad-cam", "occlusion")
    with pytest.raises(UsageError, match="`draws`"):
        measure_agreement(model, torch.rand(1, 3, 32, 32), [0], draws=0)
