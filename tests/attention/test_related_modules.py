"""Modules related to CBAM and BAM compared with their formulas in numpy and published parameter counts."""

import numpy as np
import pytest

from attention.numpy_oracles import (
    Array,
    features,
    linear,
    norm,
    randomize,
    relu,
    sigmoid,
    spatial_logits,
)
from foveal.attention import create


def run_random_module(
    name: str, *shape: int, **options: object
) -> tuple[dict[str, Array], Array, Array]:
    """Return the random weights of a module, an input and the output of the module."""
    gate = create(name, shape[1], **options).double().eval()
    w, x = randomize(gate), features(*shape)
    return w, x.numpy(), gate(x).detach().numpy()


@pytest.mark.parametrize("bias", [False, True])
def test_se(bias: bool) -> None:
    w, x, out = run_random_module("se", 3, 20, 5, 4, reduction=4, bias=bias)
    s = sigmoid(linear(relu(linear(x.mean((2, 3)), w, "reduce")), w, "expand"))
    np.testing.assert_allclose(out, s[:, :, None, None] * x, rtol=1e-12)


@pytest.mark.parametrize(
    ("channels", "k"), [(2, 1), (16, 3), (64, 3), (100, 3), (128, 5), (256, 5)]
)
def test_eca(channels: int, k: int) -> None:
    w, x, out = run_random_module("eca", 2, channels, 3, 4)
    kernel = w["conv.weight"][0, 0]
    assert len(kernel) == k
    z = np.pad(x.mean((2, 3)), ((0, 0), (k // 2, k // 2)))
    logits = sum(kernel[i] * z[:, i : i + channels] for i in range(k))
    np.testing.assert_allclose(out, sigmoid(np.asarray(logits))[:, :, None, None] * x, rtol=1e-12)


def test_scse() -> None:
    w, x, out = run_random_module("scse", 2, 10, 5, 4)
    hidden = relu(linear(x.mean((2, 3)), w, "channel.reduce"))
    by_channel = sigmoid(linear(hidden, w, "channel.expand"))[:, :, None, None] * x
    by_position = sigmoid(linear(x, w, "spatial")) * x
    np.testing.assert_allclose(out, by_channel + by_position, rtol=1e-12)


def test_simam() -> None:
    _, x, out = run_random_module("simam", 2, 3, 5, 4)
    expected = np.empty_like(x)
    for index in np.ndindex(2, 3):
        t = x[index]
        energy = (
            4 * (np.var(t, ddof=1) + 1e-4) / ((t - t.mean()) ** 2 + 2 * np.var(t, ddof=1) + 2e-4)
        )
        expected[index] = sigmoid(1 / energy) * t
    np.testing.assert_allclose(out, expected, rtol=1e-12)


def test_simam_on_a_1x1_map_is_the_limit() -> None:
    _, x, out = run_random_module("simam", 2, 3, 1, 1)
    np.testing.assert_allclose(out, sigmoid(np.array(0.5)) * x, rtol=1e-12)


def test_coordinate() -> None:
    w, x, out = run_random_module("coordinate", 2, 12, 5, 7)

    def encode(pooled: Array) -> Array:
        f = norm(linear(pooled, w, "reduce"), w, "norm")
        return f * np.clip(f + 3, 0, 6) / 6

    rows = sigmoid(linear(encode(x.mean(3, keepdims=True)), w, "rows"))
    columns = sigmoid(linear(encode(x.mean(2, keepdims=True)), w, "columns"))
    np.testing.assert_allclose(out, x * rows * columns, rtol=1e-12)


def test_triplet() -> None:
    w, x, out = run_random_module("triplet", 2, 6, 5, 7, kernel_size=3)
    total = np.zeros_like(x)
    for child, axis in ("rows", 2), ("columns", 3), ("plane", 1):
        turned = x.swapaxes(1, axis)
        weights = sigmoid(spatial_logits(turned, w, f"{child}.", planes="max+avg"))
        total += (turned * weights).swapaxes(1, axis)
    np.testing.assert_allclose(out, total / 3, rtol=1e-12)


def test_triplet_norms_have_the_momentum_of_the_authors() -> None:
    gate = create("triplet", 6)
    assert {gate.get_submodule(f"{child}.norm").momentum for child in ("rows", "plane")} == {0.01}


RESNET50 = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
MOBILENET_V2 = [  # expanded widths of its blocks except the first, which does not expand
    96, 144, 144, 192, 192, 192, 384, 384, 384, 384, 576, 576, 576, 960, 960, 960,
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("se", {}, 2_514_944),  # 2/r times the sum of C^2: "2.5 million" in the paper
        ("se", {"bias": True}, 2_530_992),  # timm's seresnet50, 28,088,024, less resnet50
        ("eca", {"kernel_size": 5}, 80),  # the paper's abstract
        ("simam", {}, 0),
        ("triplet", {}, 4_800),  # the paper's "4.8 k"
    ],
)
def test_parameters_in_resnet50(name: str, options: dict[str, object], expected: int) -> None:
    gates = [create(name, channels, **options) for channels in RESNET50]
    assert sum(p.numel() for gate in gates for p in gate.parameters()) == expected


def test_parameters_of_coordinate_in_mobilenet_v2() -> None:
    gates = [create("coordinate", channels) for channels in MOBILENET_V2]
    added = sum(p.numel() for gate in gates for p in gate.parameters())
    assert round((3_504_872 + added) / 1e6, 2) == 3.95  # the paper's table
