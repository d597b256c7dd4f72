"""The batch norm of planes by passes is that of torch."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.kernels import native_kernels, unavailable_reason
from foveal.kernels.small_batch_norm import SmallBatchNormFunction

pytestmark = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no fast gates here: {unavailable_reason()}"
)
FAST = "SmallBatchNormFunctionBackward"


def a_norm(channels: int, dtype: torch.dtype) -> SingleValueBatchNorm2d:
    """Return a norm of which nothing is zero or one."""
    torch.manual_seed(channels)
    norm = SingleValueBatchNorm2d(channels, eps=1e-4, momentum=0.3).to(dtype)
    with torch.no_grad():
        for value in norm.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn(channels))
        assert norm.running_var is not None
        norm.running_var.abs_().add_(0.5)
    return norm


def everything(norm: nn.Module, x: Tensor, g: Tensor) -> list[Tensor]:
    """Return output, gradients, and the running values afterwards."""
    norm, taken = copy.deepcopy(norm), x.clone().requires_grad_()
    out = norm(taken)
    return [
        out.detach(),
        *torch.autograd.grad(out, [taken, *norm.parameters()], g),
        *norm.buffers(),
    ]


@given(
    st.integers(1, 9), st.integers(1, 5), st.integers(1, 20), st.integers(1, 20),
    st.sampled_from([0.0, 100.0]), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_is_that_of_torch(n: int, c: int, h: int, w: int, offset: float, last: bool) -> None:
    n = n if n * h * w > 8 else 9  # of fewer values rounding is all there is of the gradient
    source = torch.Generator().manual_seed(n * c + h * w)
    x = torch.randn((n, c, h, w), generator=source, dtype=torch.float64) + offset
    x = x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    g = torch.randn((n, c, h, w), generator=source, dtype=torch.float64)
    norm = a_norm(c, torch.float64)
    with native_kernels(True):
        assert type(copy.deepcopy(norm)(x).grad_fn).__name__ == FAST
        found = everything(norm, x, g)
    with native_kernels(False):
        asked = everything(norm, x, g)
    for one, other in zip(found, asked, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_rounding_is_no_more_than_that_of_torch() -> None:
    x, g, norm = (
        torch.randn(32, 1, 30, 21) + 3,
        torch.randn(32, 1, 30, 21),
        a_norm(1, torch.float32),
    )
    with native_kernels(True):
        found = everything(norm, x, g)
    with native_kernels(False):
        plain = everything(norm, x, g)
        exact = everything(norm.double(), x.double(), g.double())
    for mine, theirs, right in zip(found, plain, exact, strict=True):
        allowed = 3 * (theirs - right).abs().max() + 1e-6 * right.abs().max()
        assert (mine - right).abs().max() <= allowed


def test_gradients_are_those_of_finite_differences() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    norm = a_norm(3, torch.float64)
    running = (norm.running_mean, norm.running_var)
    assert torch.autograd.gradcheck(
        lambda *given: SmallBatchNormFunction.apply(*given, *running, 0.1, 1e-5),  # type: ignore[no-untyped-call]
        (x, norm.weight, norm.bias),
    )


def test_threads_change_no_bit() -> None:
    x, g, norm = torch.randn(11, 2, 9, 7), torch.randn(11, 2, 9, 7), a_norm(2, torch.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with native_kernels(True):
                found.append(everything(norm, x, g))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


def test_the_rest_is_left_to_torch() -> None:
    norm = a_norm(1, torch.float32)
    with native_kernels(True):
        for kind, x in (
            (a_norm(1, torch.float32).eval(), torch.randn(2, 1, 6, 5)),
            (norm, torch.randn(1, 1, 1, 1)),  # one value has no variance
            (SingleValueBatchNorm2d(1, track_running_stats=False), torch.randn(2, 1, 6, 5)),
            (a_norm(1, torch.bfloat16), torch.randn(2, 1, 6, 5).bfloat16()),
        ):
            assert type(kind(x).grad_fn).__name__ == "NativeBatchNormBackward0"
        with pytest.raises(RuntimeError):
            norm(torch.randn(2, 3, 6, 5))
