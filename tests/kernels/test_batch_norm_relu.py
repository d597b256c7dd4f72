"""Batch norm with ReLU by native kernels: same results as PyTorch's, up to rounding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal import kernels
from foveal.kernels.autograd import run_autograd_function
from foveal.kernels.batch_norm_relu import BatchNormReLUFunction
from foveal.models.fused_layers import ReLU, run_batch_norm_relu
from foveal.module_modes import freeze_batch_norm_statistics
from kernels.comparison import (
    CHANNELS_LAST,
    assert_same_for_any_thread_count,
    grad_fn_name,
    randomize_norm,
    requires_native_kernels,
)

pytestmark = requires_native_kernels
NATIVE = "BatchNormReLUFunctionBackward"
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-13, torch.bfloat16: 2**-8}


def make_norm(
    channels: int, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-4, momentum=0.3).to(dtype)
    randomize_norm(norm, seed=seed)
    return norm


def weight_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def compute_norm(norm: nn.BatchNorm2d, x: Tensor, g: Tensor) -> dict[str, Tensor]:
    """Return output, gradients, and the running statistics afterwards."""
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = run_batch_norm_relu(norm, ReLU(), leaf)
    grads = torch.autograd.grad(out, [leaf, norm.weight, norm.bias], g.to(out.dtype))
    names = ("map gradient", "weight gradient", "bias gradient")
    return {
        "out": out.detach(),
        **dict(zip(names, grads, strict=True)),
        **dict(norm.named_buffers()),
    }


def assert_equals_float64(x: Tensor, *, seed: int = 0) -> None:
    """Compare native kernels with plain operations in float64."""
    dtype, channels = x.dtype, x.shape[1]
    norm = make_norm(channels, seed=seed, dtype=weight_dtype(dtype))
    exact_norm = make_norm(channels, seed=seed, dtype=torch.float64)
    exact_norm.load_state_dict(norm.state_dict())
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed + 1)).to(dtype)
    with kernels.use("native"):
        assert grad_fn_name(run_batch_norm_relu(norm, ReLU(), x)) == NATIVE
        norm.load_state_dict(exact_norm.state_dict())
        actual = compute_norm(norm, x, g)
    with kernels.use("plain"):
        expected = compute_norm(exact_norm, x.double(), g.double())
    assert actual["out"].is_contiguous(memory_format=CHANNELS_LAST)
    for name, value in expected.items():
        tolerance = TOLERANCES[dtype] * max(1.0, value.abs().max().item()) * 4
        assert (actual[name].double() - value.double()).abs().max() <= tolerance, name


@given(
    st.sampled_from(list(TOLERANCES)), st.integers(1, 9), st.integers(1, 150), st.integers(1, 9),
    st.integers(1, 9), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_equals_plain_operations(
    dtype: torch.dtype, n: int, c: int, h: int, w: int, seed: int
) -> None:
    # The variance of few values is near zero, and then their gradient is mostly rounding error.
    n = n if n * h * w > 8 else 9
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    assert_equals_float64(x.to(dtype).contiguous(memory_format=CHANNELS_LAST), seed=seed)


@pytest.mark.parametrize("offset", [0.0, 30.0, -1000.0])
def test_accuracy_does_not_depend_on_the_mean(offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((8, 20, 16, 13), generator=generator) + offset
    x[0, :, 0, 0] = 5.0  # the first value is far from the others
    norm, exact_norm = make_norm(20), make_norm(20).double()
    with kernels.use("native"):
        actual = run_batch_norm_relu(norm, ReLU(), x.contiguous(memory_format=CHANNELS_LAST))
    expected = exact_norm(x.double()).relu()
    torch.testing.assert_close(actual.double(), expected, rtol=0, atol=2e-6 * max(10, abs(offset)))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_uses_running_statistics_in_eval_mode(dtype: torch.dtype) -> None:
    x = torch.randn(3, 37, 5, 4).to(dtype).contiguous(memory_format=CHANNELS_LAST)
    norm = make_norm(37, dtype=weight_dtype(dtype)).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with torch.no_grad():
        with kernels.use("native"):
            actual = run_batch_norm_relu(norm, ReLU(), x)
        with kernels.use("plain"):
            expected = run_batch_norm_relu(norm.double(), ReLU(), x.double())
    tolerance = TOLERANCES[dtype] * max(1.0, expected.abs().max().item())
    torch.testing.assert_close(actual.double(), expected, rtol=0, atol=tolerance)
    assert all(torch.equal(value, norm.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_preserves_nan(dtype: torch.dtype) -> None:
    x = torch.randn(2, 20, 6, 5).to(dtype)
    x[0, 3, 2, 1], x[1, 7, 0, 0], x[1, 9, 3, 3] = torch.nan, torch.inf, -torch.inf
    norm = make_norm(20, dtype=weight_dtype(dtype))
    with kernels.use("native"):
        actual = run_batch_norm_relu(norm, ReLU(), x.contiguous(memory_format=CHANNELS_LAST))
    expected = make_norm(20, dtype=weight_dtype(dtype))(x).relu()
    assert torch.equal(actual.isnan(), expected.isnan())
    assert actual.isnan().any(3).any(2).any(0).nonzero().flatten().tolist() == [3, 7, 9]


def test_gradients_equal_finite_differences() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn((2, 3, 5, 4), generator=generator, dtype=torch.float64)
    x = x.contiguous(memory_format=CHANNELS_LAST).requires_grad_()
    norm = make_norm(3, dtype=torch.float64)
    options = (norm.running_mean, norm.running_var, 0.1, 1e-5)
    assert torch.autograd.gradcheck(
        lambda x, *weights: run_autograd_function(
            BatchNormReLUFunction, x, None, *weights, *options
        ),
        (x, norm.weight, norm.bias),
    )


def test_same_bits_for_any_thread_count() -> None:
    x = torch.randn(5, 40, 9, 7).contiguous(memory_format=CHANNELS_LAST)
    g = torch.randn(5, 40, 9, 7)
    assert_same_for_any_thread_count(lambda: compute_norm(make_norm(40), x, g).values())


def test_unsupported_norms_use_plain_operations() -> None:
    x = torch.randn(2, 3, 6, 5).contiguous(memory_format=CHANNELS_LAST)
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
    frozen = make_norm(3).requires_grad_(False)
    freeze_batch_norm_statistics(frozen)
    hooked = make_norm(3)
    hooked.register_forward_hook(lambda *_: None)
    cases = [
        (frozen, leaf),
        (hooked, x),
        (make_norm(3), x.contiguous()),
        (nn.BatchNorm2d(3, affine=False), leaf),
        (nn.BatchNorm2d(3, track_running_stats=False), x),
        (nn.BatchNorm2d(3, momentum=None), x),
        (make_norm(3).bfloat16(), x.bfloat16()),
    ]
    with kernels.use("native"):
        for norm, feature_map in cases:
            out = run_batch_norm_relu(norm, ReLU(), feature_map)
            assert grad_fn_name(out) == "ReluBackward0"
        with pytest.raises(ValueError, match="more than 1 value"):
            run_batch_norm_relu(make_norm(3), ReLU(), torch.ones(1, 3, 1, 1))
        with pytest.raises(RuntimeError):
            run_batch_norm_relu(make_norm(4), ReLU(), x)
        with pytest.raises(RuntimeError, match="not on the expected device"):
            run_batch_norm_relu(make_norm(3).to("meta"), ReLU(), x)
