"""Interleaved measurements of time, so that machine noise affects all models equally; peak memory on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer

from foveal.cost.conditions import MeasurementSetup, Shape
from foveal.errors import UsageError

_INFERENCE: Final = "inference"
_TRAINING_STEP: Final = "training step"
_FORWARD_BACKWARD: Final = "forward and backward"
_MIN_ROUNDS, _MAX_ROUNDS = 5, 25
# Seconds per function, with the timer's warm-ups, after which no further round begins.
MAX_SECONDS_PER_FUNCTION: Final = 1.5
MIN_BLOCK_SECONDS: Final = 0.02  # of one measurement
_RECOMPILE_LIMIT: Final = 1000
Key = TypeVar("Key", bound=Hashable)
Quartiles = tuple[float, float, float]


@dataclass(frozen=True)
class Timing:
    """Seconds of one batch, one value per round; the rounds of all networks are interleaved.

    A training step is forward, backward and one step of SGD with momentum.
    """

    task: str
    batch_size: int
    compiled: bool
    seconds: tuple[float, ...]

    @property
    def quartiles(self) -> Quartiles:
        """First quartile, median and third quartile, in seconds."""
        return _compute_quartiles(self.seconds)

    def ratio_to(self, other: Timing) -> Quartiles:
        """Return the quartiles of the ratio to the other time in the same round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return _compute_quartiles([a / b for a, b in pairs])


def _compute_quartiles(values: Sequence[float]) -> Quartiles:
    """Return the first quartile, the median and the third quartile."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(low), float(middle), float(high)


def time_models(
    models: Mapping[str, nn.Module], setup: MeasurementSetup, *, compiled: bool
) -> dict[str, list[Timing]]:
    """Return the times of each network: inference with one input and with the batch, and a training step.

    Copies are measured. Inference is in eval mode without gradients. If one network has no trainable
    parameters, no training step is timed for any of them.
    """
    tasks = [(_INFERENCE, size) for size in sorted({1, setup.batch_size})]
    if all(any(p.requires_grad for p in model.parameters()) for model in models.values()):
        tasks.append((_TRAINING_STEP, setup.batch_size))
    timings: dict[str, list[Timing]] = {name: [] for name in models}
    for (task, size), is_compiled in product(tasks, [False, True] if compiled else [False]):
        make = _make_inference_call if task == _INFERENCE else _make_training_step
        functions = {}
        for name, model in models.items():
            model_copy, inputs = replace(setup, batch_size=size).prepare(model)
            run = torch.compile(model_copy, dynamic=False) if is_compiled else model_copy
            functions[name] = make(model_copy, run, inputs, setup)
        with _allow_many_compilations() if is_compiled else nullcontext():
            seconds = _time_interleaved(functions, setup)
        for name, rounds in seconds.items():
            timings[name].append(Timing(task, size, is_compiled, tuple(rounds)))
    return timings


def _allow_many_compilations() -> AbstractContextManager[object]:
    """Return a context in which torch compiles shared code anew per network, and raises if it does not."""
    from torch._dynamo import config  # takes a second to import

    context: AbstractContextManager[object]
    context = config.patch(recompile_limit=_RECOMPILE_LIMIT, fail_on_recompile_limit_hit=True)
    return context


def _make_inference_call(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], setup: MeasurementSetup
) -> Callable[[], None]:
    """Return a function that runs one pass in eval mode."""
    model.eval()

    def run_inference() -> None:
        with torch.no_grad(), setup.autocast():
            run(*inputs)

    return run_inference


def _make_training_step(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], setup: MeasurementSetup
) -> Callable[[], None]:
    """Return a function that runs one training step; the loss is the sum of the means of all outputs."""
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    # A rate too small for the weights to overflow: arithmetic on infinities takes another time.
    optimizer = torch.optim.SGD(parameters, lr=1e-6, momentum=0.9)

    def run_training_step() -> None:
        with setup.autocast():
            outputs = [leaf for leaf in tree_leaves(run(*inputs)) if isinstance(leaf, Tensor)]
            means = [out.float().mean() for out in outputs if out.requires_grad]
        if not means:
            raise UsageError(
                "No output of the model requires a gradient, so a training step cannot be timed. "
                "Parameter `latency` should be false."
            )
        torch.stack(means).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return run_training_step


def time_gates(
    gates: Mapping[str, tuple[nn.Module, Shape]], setup: MeasurementSetup
) -> dict[str, tuple[Timing, Timing]]:
    """Return the times of each gate alone on a map of its shape (N, C, H, W).

    The two times are those of inference, and of forward and backward in training mode.
    """
    functions = {}
    for name, (gate, shape) in gates.items():
        gate_setup = replace(setup, input_shapes=(tuple(shape[1:]),), batch_size=shape[0])
        gate_copy, inputs = gate_setup.prepare(gate)
        functions[name, _INFERENCE] = _make_inference_call(gate_copy, gate_copy, inputs, setup)
        gate_copy, inputs = gate_setup.prepare(gate)
        functions[name, _FORWARD_BACKWARD] = _make_forward_backward_call(
            gate_copy, inputs[0], setup
        )
    seconds = _time_interleaved(functions, setup)
    return {
        name: (
            Timing(_INFERENCE, shape[0], False, tuple(seconds[name, _INFERENCE])),
            Timing(_FORWARD_BACKWARD, shape[0], False, tuple(seconds[name, _FORWARD_BACKWARD])),
        )
        for name, (_, shape) in gates.items()
    }


def _make_forward_backward_call(
    gate: nn.Module, maps: Tensor, setup: MeasurementSetup
) -> Callable[[], None]:
    """Return a function that runs forward, and backward to the maps and all parameters."""
    gate.train()
    maps = maps.requires_grad_()
    targets = [maps, *(p for p in gate.parameters() if p.requires_grad)]

    def run_forward_backward() -> None:
        with setup.autocast():
            out = gate(maps)
        torch.autograd.grad(out.sum(), targets, allow_unused=True)

    return run_forward_backward


def _time_interleaved(
    functions: Mapping[Key, Callable[[], None]], setup: MeasurementSetup
) -> dict[Key, list[float]]:
    """Return the seconds per call of each function; every round measures all functions once."""
    threads = torch.get_num_threads()
    timers = {
        name: Timer("run()", globals={"run": run}, num_threads=threads)
        for name, run in functions.items()
    }
    with setup.preserve_rng():
        first = {name: timer.timeit(1).median for name, timer in timers.items()}  # warm-up
        second = {name: timer.timeit(1).median for name, timer in timers.items()}
        calls = {
            name: max(1, round(MIN_BLOCK_SECONDS / min(first[name], second[name])))
            for name in functions
        }
        seconds: dict[Key, list[float]] = {name: [] for name in functions}
        start = time.perf_counter()
        for round_index in range(_MAX_ROUNDS):
            elapsed = time.perf_counter() - start
            if round_index >= _MIN_ROUNDS and elapsed > MAX_SECONDS_PER_FUNCTION * len(functions):
                break
            for name, timer in timers.items():
                seconds[name].append(timer.timeit(calls[name]).median)
    return seconds


def measure_peak_memory(model: nn.Module, setup: MeasurementSetup) -> int | None:
    """Return the peak memory of a training step in bytes, with parameters, gradients and optimizer state.

    The result is None if the device's allocator does not report a peak, as on a CPU, or if the model has
    no trainable parameters.
    """
    device = setup.device
    if torch.device(device).type != "cuda" or not any(p.requires_grad for p in model.parameters()):
        return None
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    with setup.preserve_rng():
        model_copy, inputs = setup.prepare(model)
        run_step = _make_training_step(model_copy, model_copy, inputs, setup)
        run_step()  # allocates the optimizer's state
        torch.cuda.reset_peak_memory_stats(device)
        run_step()
        torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)
