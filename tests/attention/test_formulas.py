"""Channel attention, spatial attention, CBAM and BAM compared with their formulas in numpy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from attention.numpy_oracles import (
    Array,
    Weights,
    channel_logits,
    convolve,
    features,
    linear,
    norm,
    randomize,
    relu,
    sigmoid,
    spatial_logits,
)
from foveal.attention import BAM, CBAM, ChannelAttention, SpatialAttention, create
from foveal.attention.pooling import pool_over_channels, pool_over_positions


def assert_equal(module: nn.Module, x: torch.Tensor, expected: Array) -> None:
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("pools", ["avg+max", "max", "avg+max+lp+lse", "lse+avg", "amax"])
def test_channel(pools: str) -> None:
    module = ChannelAttention(12, reduction=5, pools=pools).double().eval()
    w, x = randomize(module), features(3, 12, 5, 7)
    assert_equal(module, x, sigmoid(channel_logits(x.numpy(), w, pools=pools)) * x.numpy())


@pytest.mark.parametrize("planes", ["avg+max", "max+avg", "lp", "lse+max+avg"])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(5, 1), (3, 2)])
def test_spatial(planes: str, kernel_size: int, dilation: int) -> None:
    module = SpatialAttention(12, kernel_size=kernel_size, dilation=dilation, planes=planes)
    w, x = randomize(module.double().eval()), features(3, 12, 5, 7)
    logits = spatial_logits(x.numpy(), w, planes=planes, dilation=dilation)
    assert_equal(module, x, sigmoid(logits) * x.numpy())


def test_gate_function() -> None:
    module = ChannelAttention(12, gate="hardsigmoid").double().eval()
    w, x = randomize(module), features(3, 12, 5, 7)
    ramp = np.clip(channel_logits(x.numpy(), w) / 6 + 0.5, 0, 1)
    assert_equal(module, x, ramp * x.numpy())


@pytest.mark.parametrize("order", ["channel-first", "spatial-first"])
def test_cbam(order: str) -> None:
    module = CBAM(12, reduction=3, order=order).double().eval()
    w, x = randomize(module), features(2, 12, 6, 5)
    out = x.numpy()
    for half in ("channel", "spatial") if order == "channel-first" else ("spatial", "channel"):
        logits = channel_logits if half == "channel" else spatial_logits
        out = out * sigmoid(logits(out, w, f"{half}."))
    assert_equal(module, x, out)


COMBINATIONS = {"sum": np.add, "product": np.multiply, "max": np.maximum}


def compute_bam_branches(f: Array, w: Weights, *, norms: str, dilation: int) -> tuple[Array, Array]:
    """Return Mc and Ms, with batch norms at the end or on the hidden layers only."""

    def norm_at(position: str, x: Array, layer: str) -> Array:
        return norm(x, w, layer) if position == norms else x

    mc = relu(norm_at("hidden", linear(f.mean((2, 3)), w, "channel.reduce"), "channel.norm"))
    mc = norm_at("end", linear(mc, w, "channel.expand"), "channel.norm")

    ms = relu(norm_at("hidden", linear(f, w, "spatial.reduce"), "spatial.norms.0"))
    for i in range(2):
        layer = f"spatial.context.{i}"
        ms = convolve(ms, w[f"{layer}.weight"], dilation=dilation)
        ms += w[f"{layer}.bias"][:, None, None]
        ms = relu(norm_at("hidden", ms, f"spatial.norms.{i + 1}"))
    ms = norm_at("end", linear(ms, w, "spatial.project"), "spatial.norm")
    return mc[:, :, None, None], ms


@pytest.mark.parametrize("combine", COMBINATIONS)
@pytest.mark.parametrize("norms", ["end", "hidden"])
def test_bam(combine: str, norms: str) -> None:
    module = BAM(12, reduction=4, dilation=2, combine=combine, norm=norms).double().eval()
    w, x = randomize(module), features(2, 12, 9, 6)
    f = x.numpy()
    mc, ms = compute_bam_branches(f, w, norms=norms, dilation=2)
    assert_equal(module, x, f + f * sigmoid(COMBINATIONS[combine](mc, ms)))


def test_bam_with_the_branches_of_cbam() -> None:
    module = BAM(12, reduction=4, branches="cbam").double().eval()
    w, x = randomize(module), features(2, 12, 6, 5)
    f = x.numpy()
    logits = channel_logits(f, w, "channel.") + spatial_logits(f, w, "spatial.")
    assert_equal(module, x, f + f * sigmoid(logits))


def count_parameters(name: str, channels: int, **options: object) -> int:
    return sum(p.numel() for p in create(name, channels, **options).parameters())


@pytest.mark.parametrize("name", ["cbam", "cbam-official"])
@pytest.mark.parametrize(
    ("channels", "reduction"), [(64, 16), (32, 8), (512, 16), (10, 16)], ids=str
)
def test_parameters_of_cbam(name: str, channels: int, reduction: int) -> None:
    width = max(1, channels // reduction)
    expected = 2 * channels * width + width + channels + 2 * 7**2 + 2
    assert count_parameters(name, channels, reduction=reduction) == expected


@pytest.mark.parametrize(
    ("name", "channels", "expected"),
    [
        ("bam", 256, 17_747),
        ("bam-official", 256, 17_361),
        ("bam-official", 512, 68_513),
        ("bam-official", 1024, 272_193),
    ],
)
def test_parameters_of_bam(name: str, channels: int, expected: int) -> None:
    assert count_parameters(name, channels) == expected


def test_official_cbam_starts_with_a_constant_spatial_map() -> None:
    gate = create("cbam-official", 16).get_submodule("spatial")
    assert isinstance(gate, SpatialAttention)
    assert (gate.attention_map(features(2, 16, 5, 4).float()) == 0.5).all()


def test_equal_maxima_share_the_gradient_only_with_amax() -> None:
    for pools, largest in ("max", 1.0), ("amax", 1 / 12):
        gate = ChannelAttention(1, pools=pools, bias=False)
        nn.init.ones_(gate.reduce.weight)
        nn.init.ones_(gate.expand.weight)
        x = torch.ones(1, 1, 3, 4, requires_grad=True)
        (gradient,) = torch.autograd.grad(gate.logits(x), x)
        assert float(gradient.sum()) == pytest.approx(1)
        assert float(gradient.max()) == pytest.approx(largest)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("pool", [pool_over_positions, pool_over_channels])
def test_maximum_is_the_same_without_gradients(
    layout: torch.memory_format, pool: Callable[[torch.Tensor, tuple[str, ...]], torch.Tensor]
) -> None:
    x = features(1, 40, 33, 17).float()
    x[0, 3] = -torch.inf
    x[0, :, 5] = torch.inf
    x[0, 7, 2, 1] = torch.nan
    x = x.contiguous(memory_format=layout)
    expected = pool(x, ("max",))
    with torch.no_grad():
        assert torch.equal(pool(x, ("max",)).nan_to_num(7.5), expected.nan_to_num(7.5))


def test_gradient_at_a_map_of_zeros_is_finite() -> None:
    x = torch.zeros(2, 8, 5, 4, requires_grad=True)
    create("cbam", 8, pools="avg+max+lp+lse", planes="avg+max+lp+lse")(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
