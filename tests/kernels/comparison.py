"""Comparison of native kernels with plain operations, shared by the tests of this room."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from attention.gate_contract import CANCELED_BIASES
from foveal import kernels
from foveal.kernels import unavailable_reason

requires_native_kernels = pytest.mark.skipif(
    unavailable_reason() is not None, reason=f"no native kernels: {unavailable_reason()}"
)
CHANNELS_LAST = torch.channels_last
MEMORY_FORMATS = [torch.contiguous_format, torch.channels_last]
POOLED_GATES = ["channel", "spatial", "cbam", "cbam-official", "se", "eca", "bam", "bam-official"]
PERMUTATIONS = 32


def grad_fn_name(out: Tensor) -> str:
    """Return the name of the autograd function that computed a tensor."""
    return type(out.grad_fn).__name__


def randomize_norm(norm: nn.Module, *, seed: int = 0) -> None:
    """Set all weights and statistics of a batch norm to random values, none of them zero or one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in norm.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator))
        variance = norm.get_buffer("running_var")
        variance.abs_().add_(0.5)


def compute_gate(gate: nn.Module, x: Tensor, g: Tensor, *, native: bool) -> dict[str, Tensor]:
    """Return the output of a gate and all gradients, by native kernels or plain operations."""
    gate.zero_grad()
    leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with kernels.use("native" if native else "plain"):
        out = gate(leaf)
    out.backward(g)
    assert leaf.grad is not None
    grads = {n: p.grad.clone() for n, p in gate.named_parameters() if p.grad is not None}
    return {"output": out.detach(), "input": leaf.grad} | grads


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm().clamp_min(1e-30))


def rms_errors(
    gate: nn.Module, inputs: list[tuple[Tensor, Tensor]], *, native: bool
) -> dict[str, float]:
    """Return the root mean square error against float64 over pairs of a map and an output gradient."""
    squares: dict[str, float] = {}
    double = copy.deepcopy(gate).double()
    for x, g in inputs:
        exact = compute_gate(double, x.double(), g.double(), native=False)
        for key, value in compute_gate(gate, x, g, native=native).items():
            squares[key] = squares.get(key, 0.0) + float((value - exact[key]).square().sum())
    return {key: (square / len(inputs)) ** 0.5 for key, square in squares.items()}


def permute_values(values: Tensor, seed: int) -> Tensor:
    """Return the same values at other indices, in the same memory layout."""
    order = torch.randperm(values.numel(), generator=torch.Generator().manual_seed(seed))
    return torch.empty_like(values).copy_(values.flatten()[order].view(values.shape))


def assert_native_equals_plain(name: str, gate: nn.Module, x: Tensor) -> None:
    """Compare native kernels with plain operations: output, gradients, memory format.

    If a sum cancels, rounding errors alone exceed the tolerance. Values that differ more must then be as close
    to float64 as those of the plain operations, on average over many permutations of the same values.
    """
    g = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    native, plain = compute_gate(gate, x, g, native=True), compute_gate(gate, x, g, native=False)
    assert native.keys() == plain.keys()
    tolerances = {key: 1e-6 if key == "output" else 1e-5 for key in plain}
    different = {
        key
        for key, tolerance in tolerances.items()
        if relative_error(native[key], plain[key]) >= tolerance
    }
    different -= CANCELED_BIASES.get(name, set())  # the exact gradient is zero
    if different:
        inputs = [(x, g)]
        inputs += [
            (permute_values(x, k), permute_values(g, k + PERMUTATIONS))
            for k in range(PERMUTATIONS - 1)
        ]
        native_errors = rms_errors(gate, inputs, native=True)
        plain_errors = rms_errors(gate, inputs, native=False)
        for key in different:
            assert native_errors[key] <= 3 * plain_errors[key], key
    if not x.is_contiguous():
        assert native["output"].is_contiguous(memory_format=CHANNELS_LAST)
        assert native["input"].is_contiguous(memory_format=CHANNELS_LAST)


def assert_same_for_any_thread_count(compute: Callable[[], Iterable[Tensor]]) -> None:
    """Run a computation on one, two and three threads and compare its results bit for bit."""
    threads_before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with kernels.use("native"):
                results.append(list(compute()))
    finally:
        torch.set_num_threads(threads_before)
    for other in results[1:]:
        assert len(other) == len(results[0])
        assert all(map(torch.equal, results[0], other))
