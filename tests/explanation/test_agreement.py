"""Rank correlations against SciPy, and gates whose agreement is known."""

import copy
from math import nan

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from foveal.attention import create
from foveal.errors import UsageError
from foveal.explanation import gate_maps, grad_cam, measure_agreement, occlusion_sensitivity
from foveal.explanation.agreement import resize_to_image
from foveal.explanation.rank_correlation import compute_rank_correlation
from foveal.models import build_model


def test_rank_correlation_is_that_of_scipy() -> None:
    source = torch.Generator().manual_seed(0)
    a = torch.randint(6, (4, 30), generator=source).float()  # with equal ranks
    b = torch.rand(4, 30, generator=source)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert compute_rank_correlation(a, b).tolist() == pytest.approx(expected, abs=1e-12)
    flat = compute_rank_correlation(torch.ones(1, 5), torch.rand(1, 5))
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
    found = measure_agreement(model, images, [1] * 4, window=4, fill=0.0, score="logit", draws=8)
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
    found = {
        (one.first, one.second): one for one in measure_agreement(model, images, labels, draws=1)
    }
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    sweep = occlusion_sensitivity(model, images, labels)
    cam = sweep.windows.pixels_to_grid(grad_cam(model, images, labels))
    spatial = [one for one in gate_maps(model, images) if one.kind == "spatial"]
    assert len(found) == 1 + 2 * len(spatial)
    for one in spatial:
        grid = sweep.windows.pixels_to_grid(resize_to_image(one, (32, 32)))
        for name, other in (("occlusion", sweep.grid()), ("grad-cam", cam)):
            pairs = [(a.flatten(), b.flatten()) for a, b in zip(grid, other, strict=True)]
            flat = [bool((b == b[0]).all()) for _, b in pairs]
            assert not all(flat)
            expected = [
                nan if f else spearmanr(*p).statistic for p, f in zip(pairs, flat, strict=True)
            ]
            own = found[one.name, name].correlation.tolist()
            assert own == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_a_gate_without_parameters_has_no_control() -> None:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = measure_agreement(build_model("convnet", attention="simam"), images, [0, 1], draws=2)
    assert len(found) > 1
    assert all(one.control is None and one.control_mean is None for one in found)


@pytest.mark.parametrize("target", ["label", "pred", 6])
def test_a_sweep_that_is_there_is_not_made_again(target: str | int) -> None:
    models = {name: build_model("convnet", attention=name, seed=3) for name in ("none", "series")}
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    labels = [2, 7, 1]
    result = occlusion_sensitivity(models, images, labels, target=target)
    for name, model in models.items():
        passes: list[int] = []
        handle = model.register_forward_pre_hook(
            lambda _, x, passes=passes: passes.append(len(x[0]))
        )
        found = measure_agreement(model, images, labels, result=result, name=name, draws=1)
        handle.remove()
        assert sum(passes) <= 3 * len(images)  # Grad-CAM, gates and redrawn gates
        expected = measure_agreement(model, images, labels, target=target, draws=1)
        assert [(a.first, a.second) for a in found] == [(b.first, b.second) for b in expected]
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(
                a.correlation, b.correlation, atol=0.02, rtol=0, equal_nan=True
            )
        classes = {"label": labels, "pred": model.eval()(images).argmax(1), 6: [6] * 3}[target]
        cam = result.windows.pixels_to_grid(grad_cam(model, images, classes))
        own = compute_rank_correlation(cam.flatten(1), result.grid(name).flatten(1))
        assert torch.equal(found[0].correlation.nan_to_num(9), own.nan_to_num(9))
        assert not bool(own.isnan().all())


def test_wrong_use_is_refused() -> None:
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


def test_without_gates_over_positions_only_maps_are_compared() -> None:
    for attention in ("none", "channel"):
        model = build_model("convnet", attention=attention)
        (only,) = measure_agreement(model, torch.rand(1, 3, 32, 32), [0])
        assert (only.first, only.second) == ("grad-cam", "occlusion")
    with pytest.raises(UsageError, match="`draws`"):
        measure_agreement(model, torch.rand(1, 3, 32, 32), [0], draws=0)
