"""Batch norm and ReLU in one are those of torch up to rounding, and both modules are still seen and hooked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from foveal.kernels import native_kernels, unavailable_reason
from foveal.kernels.batch_norm_relu import BatchNormReLUFunction
from foveal.models import build_model
from foveal.models.fused_layers import ReLU, batch_norm_relu, conv_batch_norm_relu
from foveal.module_modes import freeze_batch_norm_statistics

pytestmark = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no fast gates here: {unavailable_reason()}"
)
LAST = torch.channels_last
FAST = "BatchNormReLUFunctionBackward"
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-13, torch.bfloat16: 2**-8}


def a_norm(channels: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.BatchNorm2d:
    """Return a norm of which nothing is zero or one."""
    generator = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm2d(channels, eps=1e-4, momentum=0.3).to(dtype)
    with torch.no_grad():
        for value in norm.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn(channels, generator=generator))
        assert norm.running_var is not None
        norm.running_var.abs_().add_(0.5)
    return norm


def small_dtype(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def everything(norm: nn.BatchNorm2d, x: Tensor, g: Tensor) -> dict[str, Tensor]:
    """Return output, gradients, and the running values afterwards."""
    taken = x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = batch_norm_relu(norm, ReLU(), taken)
    found = torch.autograd.grad(out, [taken, norm.weight, norm.bias], g.to(out.dtype))
    names = ("of the map", "of the weight", "of the bias")
    return {
        "out": out.detach(),
        **dict(zip(names, found, strict=True)),
        **dict(norm.named_buffers()),
    }


def held_to_torch(x: Tensor, *, seed: int = 0) -> None:
    """Hold it to torch in float64, which knows of neither rounding nor fast path."""
    dtype, channels = x.dtype, x.shape[1]
    norm = a_norm(channels, seed=seed, dtype=small_dtype(dtype))
    exact = a_norm(channels, seed=seed, dtype=torch.float64)
    exact.load_state_dict(norm.state_dict())
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed + 1)).to(dtype)
    with native_kernels(True):
        assert type(batch_norm_relu(norm, ReLU(), x).grad_fn).__name__ == FAST
        norm.load_state_dict(exact.state_dict())
        found = everything(norm, x, g)
    with native_kernels(False):
        asked = everything(exact, x.double(), g.double())
    assert found["out"].is_contiguous(memory_format=LAST)
    for name, value in asked.items():
        wide = TOLERANCES[dtype] * max(1.0, value.abs().max().item()) * 4
        assert (found[name].double() - value.double()).abs().max() <= wide, name


@given(
    st.sampled_from(list(TOLERANCES)), st.integers(1, 9), st.integers(1, 150), st.integers(1, 9),
    st.integers(1, 9), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_it_is_that_of_torch(dtype: torch.dtype, n: int, c: int, h: int, w: int, seed: int) -> None:
    # Few values have a variance near zero, and rounding is all there is of their gradient.
    n = n if n * h * w > 8 else 9
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    held_to_torch(x.to(dtype).contiguous(memory_format=LAST), seed=seed)


@pytest.mark.parametrize("offset", [0.0, 30.0, -1000.0])
def test_a_mean_far_from_zero_costs_no_digits(offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn((8, 20, 16, 13), generator=generator) + offset
    x[0, :, 0, 0] = 5.0  # the first of all is nothing like the rest
    norm, exact = a_norm(20), a_norm(20).double()
    with native_kernels(True):
        found = batch_norm_relu(norm, ReLU(), x.contiguous(memory_format=LAST))
    asked = exact(x.double()).relu()
    torch.testing.assert_close(found.double(), asked, rtol=0, atol=2e-6 * max(10, abs(offset)))


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_in_eval_mode_it_takes_the_running_values(dtype: torch.dtype) -> None:
    x = torch.randn(3, 37, 5, 4).to(dtype).contiguous(memory_format=LAST)
    norm = a_norm(37, dtype=small_dtype(dtype)).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with torch.no_grad():
        with native_kernels(True):
            found = batch_norm_relu(norm, ReLU(), x)
        with native_kernels(False):
            asked = batch_norm_relu(norm.double(), ReLU(), x.double())
    wide = TOLERANCES[dtype] * max(1.0, asked.abs().max().item())
    torch.testing.assert_close(found.double(), asked, rtol=0, atol=wide)
    assert all(torch.equal(value, norm.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_what_is_no_number_stays_none(dtype: torch.dtype) -> None:
    x = torch.randn(2, 20, 6, 5).to(dtype)
    x[0, 3, 2, 1], x[1, 7, 0, 0], x[1, 9, 3, 3] = torch.nan, torch.inf, -torch.inf
    norm = a_norm(20, dtype=small_dtype(dtype))
    with native_kernels(True):
        found = batch_norm_relu(norm, ReLU(), x.contiguous(memory_format=LAST))
    asked = a_norm(20, dtype=small_dtype(dtype))(x).relu()
    assert torch.equal(found.isnan(), asked.isnan())
    assert found.isnan().any(3).any(2).any(0).nonzero().flatten().tolist() == [3, 7, 9]


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn((2, 3, 5, 4), generator=generator, dtype=torch.float64)
    x = x.contiguous(memory_format=LAST).requires_grad_()
    norm = a_norm(3, dtype=torch.float64)
    running = (norm.running_mean, norm.running_var)
    assert torch.autograd.gradcheck(
        lambda *given: BatchNormReLUFunction.apply(given[0], None, *given[1:], *running, 0.1, 1e-5),  # type: ignore[no-untyped-call]
        (x, norm.weight, norm.bias),
    )


def test_threads_change_no_bit() -> None:
    x = torch.randn(5, 40, 9, 7).contiguous(memory_format=LAST)
    g = torch.randn(5, 40, 9, 7)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with native_kernels(True):
                found.append(everything(a_norm(40), x, g))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(other[name], value) for name, value in found[0].items())


def test_the_rest_is_left_to_torch() -> None:
    x = torch.randn(2, 3, 6, 5).contiguous(memory_format=LAST)
    frozen = a_norm(3).requires_grad_(False)
    freeze_batch_norm_statistics(frozen)
    hooked = a_norm(3)
    hooked.register_forward_hook(lambda *_: None)
    kinds = [
        (frozen, x.clone(memory_format=torch.preserve_format).requires_grad_()),
        (hooked, x),
        (a_norm(3), x.contiguous()),
        (nn.BatchNorm2d(3, affine=False), x.clone(memory_format=torch.preserve_format).requires_grad_()),
        (nn.BatchNorm2d(3, track_running_stats=False), x),
        (nn.BatchNorm2d(3, momentum=None), x),
        (a_norm(3).bfloat16(), x.bfloat16()),
    ]  # fmt: skip
    with native_kernels(True):
        for norm, given_map in kinds:
            out = batch_norm_relu(norm, ReLU(), given_map)
            assert type(out.grad_fn).__name__ == "ReluBackward0"
        with pytest.raises(ValueError, match="more than 1 value"):
            batch_norm_relu(a_norm(3), ReLU(), torch.ones(1, 3, 1, 1))
        with pytest.raises(RuntimeError):
            batch_norm_relu(a_norm(4), ReLU(), x)
        with pytest.raises(RuntimeError, match="not on the expected device"):
            batch_norm_relu(a_norm(3).to("meta"), ReLU(), x)


def test_a_gate_behind_the_relu_sees_its_output() -> None:
    model = build_model("convnet", attention="channel")
    model.to(memory_format=LAST)  # type: ignore[call-overload]
    seen: list[Tensor] = []
    gate = model.get_submodule("blocks.0.relu.attention")
    gate.register_forward_pre_hook(lambda _, given_map: seen.append(given_map[0]))
    with native_kernels(True):
        model(torch.randn(4, 3, 32, 32).contiguous(memory_format=LAST))
    assert type(seen[0].grad_fn).__name__ == FAST
    assert seen[0].min() == 0 < seen[0].max()


@pytest.mark.parametrize("training", [True, False])
def test_a_bias_in_front_of_the_norm_goes_with_its_mean(training: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 20, 3, padding=1).double()
    images = torch.randn(4, 3, 9, 7, dtype=torch.float64).contiguous(memory_format=LAST)
    g = torch.randn(4, 20, 9, 7, dtype=torch.float64)
    found: list[dict[str, Tensor]] = []
    for fast in (True, False):
        norm = a_norm(20, dtype=torch.float64).train(training)
        with native_kernels(fast):
            out = conv_batch_norm_relu(conv, norm, ReLU(), images)
        of_weight, of_bias = torch.autograd.grad(out, list(conv.parameters()), g)
        gradients = {"of the weight": of_weight, "of the bias": of_bias}
        found.append({"out": out.detach(), **gradients, **dict(norm.named_buffers())})
        assert (type(out.grad_fn).__name__ == FAST) == (fast and training)
    for name, value in found[1].items():
        torch.testing.assert_close(found[0][name], value, rtol=1e-9, atol=1e-9, msg=name)
    assert (found[0]["of the bias"] == 0).all() == training


def test_a_convolution_that_somebody_waits_for_is_called() -> None:
    conv = nn.Conv2d(3, 20, 3, padding=1)
    seen: list[Tensor] = []
    conv.register_forward_hook(lambda _m, _i, out: seen.append(out))
    images = torch.randn(4, 3, 9, 7).contiguous(memory_format=LAST)
    with native_kernels(True):
        out = conv_batch_norm_relu(conv, a_norm(20), ReLU(), images)
    assert type(out.grad_fn).__name__ == FAST
    torch.testing.assert_close(seen[0], conv._conv_forward(images, conv.weight, conv.bias))


def test_what_is_added_is_added_where_torch_norms() -> None:
    x, added = torch.randn(2, 20, 6, 5), torch.randn(20)
    asked = a_norm(20)(x + added[:, None, None]).relu()
    for given_map in (x, x.contiguous(memory_format=LAST)):
        with native_kernels(True):
            found = batch_norm_relu(a_norm(20), ReLU(), given_map, added=added)
        torch.testing.assert_close(found, asked, rtol=1e-5, atol=1e-5)
