"""The fast path of gates gives what the plain one does."""

import copy
import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from attention.gate_contract import BEFORE_NORM, SHAPES, features, randomized
from foveal.attention import (
    CBAM,
    ChannelAttention,
    Gate,
    available,
    captured_maps,
    create,
)
from foveal.attention.batch_norm import SingleValueBatchNorm2d
from foveal.attention.small_conv import SmallConv2d
from foveal.errors import UsageError
from foveal.kernels import build, native_kernels, unavailable_reason
from foveal.kernels.layout import find_layout
from foveal.kernels.map_kernels import (
    bam_forward,
    bam_logit_grads,
    dot_maps,
    encode_logits,
    pool_map,
)

pytestmark = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no fast gates here: {unavailable_reason()}"
)
FORMATS = [torch.contiguous_format, torch.channels_last]
DRAWS = 32
POOLED = ["channel", "spatial", "cbam", "cbam-official", "se", "eca", "bam", "bam-official"]


def computed(gate: nn.Module, x: Tensor, g: Tensor, *, fast: bool) -> dict[str, Tensor]:
    """Return the output and all gradients on one of the paths."""
    gate.zero_grad()
    taken = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with native_kernels(fast):
        out = gate(taken)
    out.backward(g)
    assert taken.grad is not None
    grads = {n: p.grad.clone() for n, p in gate.named_parameters() if p.grad is not None}
    return {"output": out.detach(), "input": taken.grad} | grads


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm().clamp_min(1e-30))


def inaccuracy(
    gate: nn.Module, maps: list[tuple[Tensor, Tensor]], *, fast: bool
) -> dict[str, float]:
    """Return how far one path is from float64, root mean square over maps and gradients of the output."""
    squares: dict[str, float] = {}
    double = copy.deepcopy(gate).double()
    for x, g in maps:
        exact = computed(double, x.double(), g.double(), fast=False)
        for key, found in computed(gate, x, g, fast=fast).items():
            squares[key] = squares.get(key, 0.0) + float((found - exact[key]).square().sum())
    return {key: (square / len(maps)) ** 0.5 for key, square in squares.items()}


def shuffled(values: Tensor, seed: int) -> Tensor:
    """Return the same values in other places, equal ones and zeros too, laid out in memory as they were."""
    order = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(seed))
    return torch.empty_like(values).copy_(values.flatten()[order].view(values.shape))


def agree(name: str, gate: nn.Module, x: Tensor) -> None:
    """Hold both paths to each other.

    Where a sum cancels, rounding alone is more than that: what is far apart in one draw must be as near to
    float64 as the plain path is, over it and many of the same values in other places.
    """
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    fast, plain = computed(gate, x, g, fast=True), computed(gate, x, g, fast=False)
    assert fast.keys() == plain.keys()
    limits = {key: 1e-6 if key == "output" else 1e-5 for key in plain}
    far = {key for key, limit in limits.items() if relative(fast[key], plain[key]) >= limit}
    far -= BEFORE_NORM.get(name, set())  # those are rounding alone
    if far:
        maps = [(x, g), *((shuffled(x, k), shuffled(g, k + DRAWS)) for k in range(DRAWS - 1))]
        ours, theirs = inaccuracy(gate, maps, fast=True), inaccuracy(gate, maps, fast=False)
        for key in far:
            assert ours[key] <= 3 * theirs[key], key
    last = torch.channels_last
    if not x.is_contiguous():
        assert fast["output"].is_contiguous(memory_format=last)
        assert fast["input"].is_contiguous(memory_format=last)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("name", available())
def test_it_agrees_with_the_plain_path(name: str, memory_format: torch.memory_format) -> None:
    for shape in SHAPES:
        x = features(*shape).contiguous(memory_format=memory_format)
        agree(name, randomized(name, shape[1]).eval(), x)


@given(
    st.sampled_from(POOLED), st.sampled_from(FORMATS), st.integers(2, 12), st.integers(2, 70),
    st.integers(1, 9), st.integers(2, 40), st.booleans(), st.integers(0, 2**20),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_it_agrees_on_any_shape(
    name: str,
    memory_format: torch.memory_format,
    n: int,
    c: int,
    h: int,
    w: int,
    relu: bool,
    seed: int,
) -> None:
    x = torch.randn((n, c, h, w), generator=torch.Generator().manual_seed(seed))
    x = (x.relu() if relu else x).contiguous(memory_format=memory_format)
    agree(name, randomized(name, c).eval(), x)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("name", POOLED)
def test_gradients_are_those_of_finite_differences(
    name: str, memory_format: torch.memory_format
) -> None:
    gate = randomized(name, 6).double().eval()
    x = features(2, 6, 5, 4).double().contiguous(memory_format=memory_format).requires_grad_()
    with native_kernels(True):
        assert torch.autograd.gradcheck(gate, (x,))


@pytest.mark.parametrize("name", ["channel", "spatial", "cbam"])
def test_of_equal_maxima_the_same_one_gets_the_gradient(name: str) -> None:
    gate = randomized(name, 8).eval()
    for memory_format in FORMATS:
        x = torch.randint(0, 3, (2, 8, 6, 5), generator=torch.Generator().manual_seed(0)).float()
        agree(name, gate, x.contiguous(memory_format=memory_format))
        agree(name, gate, torch.zeros(2, 8, 6, 5).contiguous(memory_format=memory_format))


@pytest.mark.parametrize("name", POOLED)
def test_bfloat16_is_within_its_rounding(name: str) -> None:
    gate = randomized(name, 12).eval()
    for memory_format in FORMATS:
        x = features(3, 12, 7, 6).contiguous(memory_format=memory_format)
        exact = computed(gate, x, torch.ones_like(x), fast=False)
        low = x.bfloat16().requires_grad_()
        with native_kernels(True), torch.autocast("cpu", dtype=torch.bfloat16):
            out = gate(low)
        out.sum().backward()
        assert out.dtype == torch.bfloat16
        assert low.grad is not None
        assert relative(out.detach().float(), exact["output"]) < 0.02
        assert relative(low.grad.float(), exact["input"]) < 0.03


@pytest.mark.parametrize("name", POOLED)
def test_weights_in_bfloat16_are_taken_under_autocast(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(3, 12, 7, 6)
    exact = computed(gate, x, torch.ones_like(x), fast=False)["output"]
    with native_kernels(True), torch.autocast("cpu", dtype=torch.bfloat16):
        out = gate.bfloat16()(x.bfloat16())
    assert relative(out.detach().float(), exact) < 0.02


@pytest.mark.parametrize("name", POOLED)
def test_what_is_no_number_stays_none(name: str) -> None:
    x = features(2, 8, 5, 4)
    x[1, 3, 2, 1] = torch.nan
    with native_kernels(True):
        out = randomized(name, 8).eval()(x)
    assert out[0].isfinite().all()
    assert out[1].isnan().any()


@pytest.mark.parametrize("name", ["channel", "spatial", "cbam", "se", "eca", "bam", "bam-official"])
def test_of_the_size_of_the_map_only_the_input_is_kept(name: str) -> None:
    gate, x = create(name, 16), features(4, 16, 12, 10).requires_grad_()
    kept: set[int] = set()

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().nbytes() >= x.untyped_storage().nbytes():
            kept.add(tensor.untyped_storage().data_ptr())
        return tensor

    with native_kernels(True), saved_tensors_hooks(keep, lambda tensor: tensor):
        out = gate(x)
    assert kept == {x.untyped_storage().data_ptr()}
    assert out.shape == x.shape


def test_hooks_of_the_gates_within_are_called() -> None:
    gate, x = CBAM(8), features(2, 8, 5, 4)
    seen: list[int] = []
    gate.channel.register_forward_hook(lambda *_: seen.append(1))
    expected = gate.eval()(x)
    assert seen == [1]
    gate.channel._forward_hooks.clear()
    torch.testing.assert_close(gate(x), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "within"),
    [("channel", ""), ("spatial", ""), ("cbam", "channel"), ("cbam", "spatial")],
)
def test_a_map_alone_has_gradients(name: str, within: str) -> None:
    gate = create(name, 6).double().eval()
    inner = gate.get_submodule(within)
    assert isinstance(inner, Gate)
    found: list[Tensor] = []
    for wanted in (True, False):
        x = features(2, 6, 5, 4).double().requires_grad_()
        taken: list[Tensor] = []
        handle = inner.tap.register_forward_hook(lambda _m, _i, out, to=taken: to.append(out))
        with native_kernels(wanted):
            gate(x)
        handle.remove()
        found += torch.autograd.grad(taken[0].pow(2).sum(), x)
    torch.testing.assert_close(*found)


def test_a_map_that_is_captured_changes_nothing() -> None:
    gate, x = randomized("bam", 8).eval(), features(2, 8, 5, 4)
    with native_kernels(True):
        plain = gate(x)
        with captured_maps(gate) as maps:
            assert torch.equal(gate(x), plain)
    assert maps[""].shape == x.shape


@pytest.mark.parametrize("memory_format", FORMATS)
def test_a_map_that_is_replaced_is_the_one_that_weighs(memory_format: torch.memory_format) -> None:
    for name in ("bam", "bam-official"):
        gate = randomized(name, 8).eval()
        assert isinstance(gate, Gate)
        gate.tap.register_forward_hook(lambda _m, _i, map_: map_.square())
        agree(name, gate, features(2, 8, 5, 4).contiguous(memory_format=memory_format))


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("within", ["channel", "spatial"])
def test_a_map_that_is_replaced_within_a_series_weighs(
    within: str, memory_format: torch.memory_format
) -> None:
    gate = randomized("cbam", 8).eval()
    inner = gate.get_submodule(within)
    assert isinstance(inner, Gate)
    inner.tap.register_forward_hook(lambda _m, _i, map_: map_.square())
    agree("cbam", gate, features(2, 8, 5, 4).contiguous(memory_format=memory_format))


VARIANTS: list[tuple[dict[str, Any], bool]] = [
    ({}, True), ({"norm": False}, True), ({"bias": False, "pools": "max"}, True),
    ({"planes": "max+avg", "kernel_size": 3, "dilation": 2}, True),
    ({"planes": "avg", "reduction": 1}, True), ({"gate": "hardsigmoid"}, False),
    ({"pools": "avg+lse"}, False), ({"planes": "avg+avg"}, False), ({"order": "spatial-first"}, False),
]  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("options", "whole"), VARIANTS)
def test_a_series_of_any_kind_agrees(options: dict[str, Any], whole: bool, training: bool) -> None:
    gate, x, g = CBAM(24, **options).train(training), features(5, 24, 7, 6), features(5, 24, 7, 6)
    x = x.contiguous(memory_format=torch.channels_last)
    both = [copy.deepcopy(gate).double() for _ in range(2)]
    found, asked = (
        computed(one, x.double(), g.double(), fast=fast) | dict(one.named_buffers())
        for one, fast in zip(both, (True, False), strict=True)
    )
    assert found.keys() == asked.keys()
    for key, value in asked.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-9, msg=key)
    with native_kernels(True):
        out = gate(x)
    assert (type(out.grad_fn).__name__ == "FusedCBAMBackward") == whole


@pytest.mark.parametrize("within", ["channel", "spatial"])
@pytest.mark.parametrize("how", ["another", "in place", "backward"])
def test_the_norm_of_a_series_learns_once_of_a_map_that_somebody_changes(
    within: str, how: str
) -> None:
    found: list[dict[str, Tensor]] = []
    for fast in (True, False):
        gate = randomized("cbam", 8).train()
        inner = gate.get_submodule(within)
        assert isinstance(inner, Gate)
        if how == "another":
            inner.tap.register_forward_hook(lambda _m, _i, map_: map_.square())
        elif how == "in place":
            inner.tap.register_forward_hook(lambda _m, _i, map_: map_.zero_())
        else:
            inner.tap.register_full_backward_hook(lambda *_: None)
        with native_kernels(fast), torch.set_grad_enabled(how == "backward"):
            found.append({"out": gate(features(2, 8, 5, 4)).detach(), **dict(gate.named_buffers())})
    for key, value in found[1].items():
        torch.testing.assert_close(found[0][key], value, rtol=1e-5, atol=1e-6, msg=key)


def test_gradients_under_autocast_are_those_outside_of_it() -> None:
    gate, x = randomized("cbam", 512).eval(), features(2, 512, 5, 4)
    found: list[Tensor] = []
    for inside in (True, False):
        taken = x.clone().requires_grad_()
        with native_kernels(True), torch.autocast("cpu", dtype=torch.bfloat16):
            out = gate(taken)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inside):
            found += torch.autograd.grad(out.sum(), taken)
    assert torch.equal(*found)


def test_what_does_not_fit_is_left_to_torch() -> None:
    x = features(2, 8, 5, 4)
    broken = CBAM(8)
    broken.channel.expand = nn.Linear(1, 9)
    planes = CBAM(8)
    planes.spatial.conv = SmallConv2d(3, 1, 7)
    with native_kernels(True):
        for gate in (broken, planes, CBAM(8).double()):
            with pytest.raises(RuntimeError):
                gate(x)
        plain = CBAM(8)
        plain.spatial.norm = SingleValueBatchNorm2d(1, affine=False)
        out = plain(x)
        assert type(out.grad_fn).__name__ != "FusedCBAMBackward"
        assert plain.spatial.norm.num_batches_tracked == 1


def test_whatever_stands_in_the_place_of_a_part_is_called() -> None:
    class Shut(ChannelAttention):
        """A gate that lets nothing through."""

        def logits_from_pools(self, pooled: Tensor) -> Tensor:
            return torch.full((len(pooled), pooled.shape[2], 1, 1), -torch.inf)

    seen: list[int] = []
    x = features(2, 8, 5, 4)
    derived, other, none = CBAM(8), CBAM(8), CBAM(8, norm=False)
    derived.channel = Shut(8)
    other.channel = create("eca", 8)  # type: ignore[assignment]
    none.spatial.norm.register_forward_hook(lambda *_: seen.append(1))
    with native_kernels(True):
        assert not derived(x).any()
        assert other(x).isfinite().all()
        none(x)
    assert seen == [1]


def test_weights_of_a_kind_of_their_own_are_left_to_torch() -> None:
    class Kind(Tensor):
        """A tensor whose values may lie anywhere."""

    gate, x = CBAM(8), features(2, 8, 5, 4)
    asked = gate.eval()(x)
    for layer in (gate.channel.expand, gate.spatial.conv):
        weight = layer.weight
        layer.weight = nn.Parameter(weight.detach().as_subclass(Kind))
        with native_kernels(True):
            out = gate(x)
        assert "FusedCBAM" not in type(out.grad_fn).__name__
        torch.testing.assert_close(out.as_subclass(Tensor), asked, rtol=1e-5, atol=1e-6)
        layer.weight = weight


def test_a_wide_series_agrees() -> None:
    x = features(3, 512, 5, 4).contiguous(memory_format=torch.channels_last)
    agree("cbam", randomized("cbam", 512).eval(), x)


def test_a_series_calls_what_somebody_waits_for_or_does_not_know() -> None:
    x = features(2, 8, 5, 4)
    for within in ("channel", "spatial", "channel.expand", "spatial.conv", "spatial.norm"):
        gate = CBAM(8)
        seen: list[int] = []
        gate.get_submodule(within).register_forward_hook(lambda *_, to=seen: to.append(1))
        with native_kernels(True):
            gate(x)
        assert seen == [1]
    gate = CBAM(8)
    gate.channel.reduce = nn.Sequential(gate.channel.reduce, nn.Dropout(0.0))  # type: ignore[assignment]
    with native_kernels(True):
        assert type(gate(x).grad_fn).__name__ != "FusedCBAMBackward"


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("size", [1.0, 30.0, 60.0, 1000.0])
def test_logits_of_any_size_weigh_alike(size: float, memory_format: torch.memory_format) -> None:
    x = features(3, 21, 6, 7).contiguous(memory_format=memory_format)
    source = torch.Generator().manual_seed(0)
    channel = size * torch.randn(3, 21, generator=source)
    position = size * torch.randn(3, 42, generator=source)
    for product in (False, True):
        logits = [channel[:, :, None, None], position.view(3, 1, 6, 7)]
        exact = [value.double() for value in logits]
        joined_ = exact[0] * exact[1] if product else exact[0] + exact[1]
        lies = find_layout(x)
        assert lies is not None
        out = bam_forward(x, lies, *encode_logits(channel, position, product=product))
        expected = x.double() * (1 + joined_.sigmoid())
        error = (out.double() - expected).abs().max() / expected.abs().max()
        assert error < (
            1e-6 if size <= 30 else 1e-5
        )  # of so large logits the sum itself is rounded


def test_threads_do_not_change_a_bit() -> None:
    gate, x = randomized("cbam", 16).eval(), features(3, 16, 9, 7)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        with native_kernels(True):
            found.append(gate(x))
    torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("memory_format", FORMATS)
def test_threads_do_not_change_a_bit_of_a_pass(memory_format: torch.memory_format) -> None:
    x = features(11, 24, 9, 7).contiguous(memory_format=memory_format)
    lies, g = find_layout(x), x.flip(0)
    assert lies is not None
    channel, position = x.mean((2, 3)), x.mean(1).flatten(1)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        pools = [
            pool_map(x, lies, ("avg", "max"), over_positions=positions)
            for positions in (True, False)
        ]
        sums = [dot_maps(g, x, lies, over_positions=positions) for positions in (True, False)]
        how = encode_logits(channel, position, product=False)
        found.append([*sums, bam_forward(x, lies, *how), *bam_logit_grads(g, x, lies, *how)])
        found[-1] += [part for pooled in pools for part in pooled if part is not None]
    torch.set_num_threads(before)
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forget the library and the cache folder; both are back after the test."""
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    build.load_library.cache_clear()
    yield
    build.load_library.cache_clear()


@pytest.mark.usefixtures("no_library")
def test_without_a_compiler_gates_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, x = create("cbam", 8).eval(), features(2, 8, 5, 4)
    with native_kernels(False):
        plain = gate(x)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert torch.equal(gate(x), plain)
    with pytest.raises(UsageError, match="no C compiler"), native_kernels(True):
        pass


@pytest.mark.usefixtures("no_library")
def test_it_is_built_again_where_the_cache_is_gone() -> None:
    assert isinstance(build.load_library(), ctypes.CDLL)
    assert build.library_path().exists()


def test_all_pooled_names_are_there() -> None:
    assert set(POOLED) <= set(available())
