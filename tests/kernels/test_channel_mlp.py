"""The network of channel attention by passes is that of torch."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal.attention.mlp import sum_mlp_over_pools
from foveal.kernels import native_kernels, unavailable_reason
from foveal.kernels.channel_mlp import MAX_WEIGHTS, ChannelMLPFunction

pytestmark = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no fast gates here: {unavailable_reason()}"
)


def layers(channels: int, width: int, *, bias: bool, dtype: torch.dtype) -> nn.ModuleList:
    """Return both layers with random weights."""
    torch.manual_seed(channels * width)
    one, other = nn.Linear(channels, width, bias=bias), nn.Linear(width, channels, bias=bias)
    return nn.ModuleList([one, other]).to(dtype)


def everything(both: nn.ModuleList, pooled: Tensor, g: Tensor, *, fast: bool) -> list[Tensor]:
    """Return output and all gradients."""
    taken = pooled.clone(memory_format=torch.preserve_format).requires_grad_()
    reduce, expand = both
    assert isinstance(reduce, nn.Linear)
    assert isinstance(expand, nn.Linear)
    with native_kernels(fast):
        out = sum_mlp_over_pools(reduce, expand, taken)
    assert (type(out.grad_fn).__name__ == "ChannelMLPFunctionBackward") == fast
    return [out.detach(), *torch.autograd.grad(out, [taken, *both.parameters()], g)]


@given(
    st.integers(1, 3), st.integers(1, 20), st.integers(1, 70), st.integers(1, 20), st.booleans(), st.booleans()
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_is_that_of_torch(
    pools: int, n: int, channels: int, width: int, bias: bool, outermost: bool
) -> None:
    source = torch.Generator().manual_seed(pools * n + channels)
    both = layers(channels, width, bias=bias, dtype=torch.float64)
    pooled = torch.randn((pools, n, channels), generator=source, dtype=torch.float64)
    pooled = pooled.transpose(0, 1) if outermost else pooled.transpose(0, 1).contiguous()
    g = torch.randn((n, channels), generator=source, dtype=torch.float64)
    found, asked = (everything(both, pooled, g, fast=fast) for fast in (True, False))
    for one, other in zip(found, asked, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("channels", "width"), [(256, 16), (512, 32)])  # few weights, and many
def test_rounding_is_no_more_than_that_of_torch(channels: int, width: int) -> None:
    assert (channels * width <= MAX_WEIGHTS) == (channels == 256)
    both = layers(channels, width, bias=True, dtype=torch.float32)
    pooled, g = torch.randn(64, 2, channels), torch.randn(64, channels)
    found, plain = (everything(both, pooled, g, fast=fast) for fast in (True, False))
    exact = everything(copy.deepcopy(both).double(), pooled.double(), g.double(), fast=False)
    for mine, theirs, right in zip(found, plain, exact, strict=True):
        assert (mine - right).norm() <= 3 * (theirs - right).norm() + 1e-7 * right.norm()


def test_gradients_are_those_of_finite_differences() -> None:
    both = layers(9, 4, bias=True, dtype=torch.float64)
    pooled = torch.randn(2, 3, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ChannelMLPFunction.apply, (pooled, *both.parameters()))


def test_threads_change_no_bit() -> None:
    both = layers(33, 5, bias=True, dtype=torch.float32)
    pooled, g = torch.randn(11, 2, 33), torch.randn(11, 33)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(everything(both, pooled, g, fast=True))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_the_rest_is_left_to_torch() -> None:
    class Other(nn.Linear):
        """A layer that may compute something else."""

    hooked = layers(8, 2, bias=True, dtype=torch.float32)
    seen: list[int] = []
    hooked[0].register_forward_hook(lambda *_: seen.append(1))
    for both, dtype in (
        (hooked, torch.float32),
        (nn.ModuleList([Other(8, 2), nn.Linear(2, 8)]), torch.float32),
        (layers(8, 2, bias=True, dtype=torch.bfloat16), torch.bfloat16),
    ):
        reduce, expand = both
        assert isinstance(reduce, nn.Linear)
        assert isinstance(expand, nn.Linear)
        with native_kernels(True):
            out = sum_mlp_over_pools(reduce, expand, torch.randn(3, 2, 8, dtype=dtype))
        assert type(out.grad_fn).__name__ == "SumBackward1"
    assert seen == [1]
