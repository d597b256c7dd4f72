"""Max pooling of the ConvNet is that of torch, bit for bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from foveal.kernels import native_kernels, unavailable_reason
from foveal.kernels.max_pool import MaxPool2x2Function
from foveal.models import build_model
from foveal.models.fused_layers import MaxPool2x2

pytestmark = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no fast gates here: {unavailable_reason()}"
)
LAST = torch.channels_last
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def pooled(pool: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return output and gradient of the input, each window's gradient another."""
    taken = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = pool(taken)
    g = torch.arange(1.0, out.numel() + 1).view(out.shape).remainder(251).to(x.dtype)
    return out.detach(), torch.autograd.grad(out, taken, g)[0]


def same(x: Tensor) -> None:
    """Hold it to torch's."""
    with native_kernels(True):
        found = pooled(MaxPool2x2(), x)
        assert (
            type(MaxPool2x2()(x.requires_grad_()).grad_fn).__name__ == "MaxPool2x2FunctionBackward"
        )
    for one, other in zip(found, pooled(nn.MaxPool2d(2), x.detach()), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
        assert one.is_contiguous(memory_format=LAST)


@given(
    st.sampled_from(DTYPES), st.integers(1, 9), st.integers(1, 70), st.integers(2, 9), st.integers(2, 9),
    st.booleans(), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_is_that_of_torch(
    dtype: torch.dtype, n: int, c: int, h: int, w: int, ties: bool, seed: int
) -> None:
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    same((x.round() if ties else x).to(dtype).contiguous(memory_format=LAST))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_no_number_is_greatest_and_what_is_tiny_stays(dtype: torch.dtype) -> None:
    x = torch.randn((2, 20, 6, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    x[0, ::3, ::2, 1], x[1, ::4], x[0, 1, 2] = torch.nan, -torch.inf, torch.inf
    x[1, 1::4] = torch.tensor(1e-39).to(dtype)  # below the smallest normal number
    same(x.contiguous(memory_format=LAST))


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64).contiguous(memory_format=LAST)
    assert torch.autograd.gradcheck(MaxPool2x2Function.apply, (x.requires_grad_(),))


def test_others_are_left_to_torch() -> None:
    for x in (torch.randn(2, 3, 6, 5), torch.randn(3, 6, 4), torch.randn(2, 3, 1, 4)[:, :, :0]):
        x.requires_grad_()
        if x.numel():
            assert "MaxPool2D" in type(MaxPool2x2()(x).grad_fn).__name__
        else:
            with pytest.raises(RuntimeError):
                MaxPool2x2()(x)
    with native_kernels(False):
        x = torch.randn(2, 3, 6, 5).contiguous(memory_format=LAST).requires_grad_()
        assert "MaxPool2D" in type(MaxPool2x2()(x).grad_fn).__name__


def kept(attention: str, *, fast: bool) -> int:
    """Return the bytes that a ConvNet keeps for the backward pass of a batch."""
    model = build_model("convnet", attention=attention)
    model.to(memory_format=LAST)  # type: ignore[call-overload]
    # `foveal.cost` counts maps that lie contiguous, of which the pooling is torch's
    images = torch.randn(8, 3, 32, 32).contiguous(memory_format=LAST)
    known = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with native_kernels(fast), saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(images)
    assert out.requires_grad
    return sum(storages.values())


def test_what_a_gate_writes_in_front_of_it_is_not_kept() -> None:
    none, series = kept("none", fast=True), kept("series", fast=True)
    inputs_of_gates = 4 * 8 * (32 * 32**2 + 64 * 16**2 + 128 * 8**2)  # bytes, float32
    assert series - none < 1.2 * inputs_of_gates  # the rest is small: pools, planes, weights
    assert none < 0.6 * kept("none", fast=False)
    assert series < 0.75 * kept("series", fast=False)
    assert series < kept("none", fast=False)
