"""The choice between native kernels and plain operations: switch, rule, threads and processes."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from attention.gate_contract import features, randomized
from foveal import kernels
from foveal.kernels import supports
from foveal.kernels.dispatch import has_hooks, supports_map
from kernels.comparison import grad_fn_name, requires_native_kernels

pytestmark = requires_native_kernels


class OtherTensor(Tensor):
    """A tensor subclass."""


def test_supports_ordinary_cpu_tensors() -> None:
    assert all(
        supports(torch.ones(3, dtype=dtype))
        for dtype in (torch.float32, torch.float64, torch.bfloat16)
    )
    for x in (
        torch.ones(3, dtype=torch.float16),
        torch.ones(3, dtype=torch.int64),
        torch.ones(0),
        torch.ones(3, device="meta"),
        nn.Parameter(torch.ones(3)),
        torch.ones(3).as_subclass(OtherTensor),
    ):
        assert not supports(x)


def test_supports_maps_in_both_memory_formats() -> None:
    x = torch.ones(2, 3, 4, 5)
    assert supports_map(x)
    assert supports_map(x.contiguous(memory_format=torch.channels_last))
    assert not supports_map(x[..., 1:])
    assert not supports_map(x[0])


def test_supports_no_other_tensors_that_a_kernel_cannot_read() -> None:
    x = torch.ones(3)
    assert supports(x, None, torch.ones(4), nn.Parameter(torch.ones(4)), torch.ones(4, 4).t())
    assert not supports(x, torch.ones(8)[::2])
    assert not supports(x, torch.ones(4, device="meta"))
    assert not supports(x, torch.ones(4).as_subclass(OtherTensor))


def test_supports_no_skipped_modules_with_hooks() -> None:
    x, module = torch.ones(3), nn.Identity()
    assert supports(x, skipped_modules=(module,))
    for register in (
        module.register_forward_hook,
        module.register_forward_pre_hook,
        module.register_full_backward_hook,
        module.register_full_backward_pre_hook,
    ):
        handle = register(lambda *_: None)
        assert has_hooks(module)
        assert not supports(x, skipped_modules=(module,))
        handle.remove()
        assert supports(x, skipped_modules=(module,))
    vars(module)["forward"] = abs
    assert not supports(x, skipped_modules=(module,))


def test_supports_nothing_while_operations_are_traced() -> None:
    answers: list[bool] = []

    def function(x: Tensor) -> Tensor:
        answers.append(supports(x))
        return x.sum()

    x = torch.ones(3)
    torch.func.grad(function)(x)
    with pytest.warns(DeprecationWarning, match="torch.jit.trace"):
        torch.jit.trace(function, x, check_trace=False)  # type: ignore[no-untyped-call]
    with FlopCounterMode(display=False):
        function(x)
    with forward_ad.dual_level():
        function(x)
    assert not any(answers)
    function(x)
    assert answers[-1]


def test_switch_applies_inside_the_block_only() -> None:
    x = torch.ones(3)
    with kernels.use("plain"):
        assert not supports(x)
        with kernels.use("native"):
            assert supports(x)
        assert not supports(x)
    assert supports(x)
    with pytest.raises(KeyError), kernels.use("plain"):
        raise KeyError
    assert supports(x)


def test_switch_does_not_affect_other_threads() -> None:
    answers: list[bool] = []

    def ask() -> None:
        answers.append(supports(torch.ones(3)))

    with kernels.use("plain"):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert answers == [True]


def test_switch_does_not_affect_worker_processes() -> None:
    spawn = multiprocessing.get_context("spawn")
    with kernels.use("plain"), ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert pool.submit(supports, torch.ones(3)).result()


def run_backward(out: Tensor, x: Tensor) -> list[Tensor]:
    return [out.detach(), *torch.autograd.grad(out.square().sum(), x)]


@pytest.mark.parametrize("name", ["channel", "spatial", "cbam", "bam"])
@pytest.mark.parametrize("native", [True, False])
def test_backward_does_not_decide_again(name: str, native: bool) -> None:
    """The autograd functions that forward has chosen run in backward, whatever the switch says then."""
    gate, x = randomized(name, 8).eval(), features(2, 8, 5, 4).requires_grad_()
    with kernels.use("native" if native else "plain"):
        expected = run_backward(gate(x), x)
    with kernels.use("native" if native else "plain"):
        out = gate(x)
    with kernels.use("plain" if native else "native"):
        assert all(map(torch.equal, run_backward(out, x), expected))
    with kernels.use("native" if native else "plain"):
        out = gate(x)
    results: list[Tensor] = []
    thread = threading.Thread(target=lambda: results.extend(run_backward(out, x)))
    thread.start()
    thread.join()
    assert all(map(torch.equal, results, expected))


def test_backward_runs_in_the_calling_thread() -> None:
    """So the switch also applies to operations that a checkpoint computes again in backward."""
    threads: list[int] = []
    answers: list[bool] = []
    gate, x = randomized("cbam", 8).eval(), features(2, 8, 5, 4).requires_grad_()

    def function(x: Tensor) -> Tensor:
        threads.append(threading.get_ident())
        answers.append(supports(torch.ones(3)))
        out: Tensor = gate(x)
        return out

    with kernels.use("plain"):
        out = checkpoint(function, x, use_reentrant=False)
        out.sum().backward()
    assert threads == [threading.get_ident()] * 2
    assert answers == [False, False]


def test_rules_of_the_kernels_follow_the_switch() -> None:
    gate, x = randomized("cbam", 8), features(2, 8, 5, 4)
    for native in (True, False):
        with kernels.use("native" if native else "plain"):
            assert (grad_fn_name(gate(x)) == "FusedCBAMBackward") == native
