"""How long networks take, all in turns, so that a disturbance of the machine meets them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer

from foveal.cost.conditions import Setting, Shape
from foveal.errors import UsageError

INFERENCE, STEP, BOTH_WAYS = "inference", "training step", "forward and backward"
FEWEST, MOST = 5, 25  # rounds
# Seconds an arm, the timer's own warm-up with them, after which no further round is begun.
ENOUGH = 1.5
BLOCK = 0.02  # seconds of one measurement, at least
LARGE = 1000
Key = TypeVar("Key", bound=Hashable)
Quartiles = tuple[float, float, float]


@dataclass(frozen=True)
class Timing:
    """Seconds of one batch, one value a round, the rounds of all networks in turns.

    A training step is forward, backward and one step of SGD with momentum.
    """

    work: str
    batch_size: int
    compiled: bool
    seconds: tuple[float, ...]

    @property
    def quartiles(self) -> Quartiles:
        """First quartile, median, third quartile, in seconds."""
        return quartiles(self.seconds)

    def over(self, other: Timing) -> Quartiles:
        """Quartiles of the ratio to another network's time in the same round."""
        return quartiles([a / b for a, b in zip(self.seconds, other.seconds, strict=True)])


def quartiles(values: Sequence[float]) -> Quartiles:
    """Return first quartile, median and third quartile."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(low), float(middle), float(high)


def time_models(
    models: Mapping[str, nn.Module], setting: Setting, *, compiled: bool
) -> dict[str, list[Timing]]:
    """Return the times of each network: inference of one input and of a batch, and training with the batch.

    Copies are measured. Inference is in eval mode without gradients. A network without anything to
    train has no training step, and then the others have none either.
    """
    work = [(INFERENCE, size) for size in sorted({1, setting.batch_size})]
    if all(any(p.requires_grad for p in model.parameters()) for model in models.values()):
        work.append((STEP, setting.batch_size))
    found: dict[str, list[Timing]] = {name: [] for name in models}
    for (kind, size), compile_too in product(work, [False, True] if compiled else [False]):
        make = inference if kind == INFERENCE else training_step
        arms = {}
        for name, model in models.items():
            mine, inputs = setting.at(batch_size=size).prepared(model)
            run = torch.compile(mine, dynamic=False) if compile_too else mine
            arms[name] = make(mine, run, inputs, setting)
        with many_compilations() if compile_too else nullcontext():
            seconds = in_turns(arms, setting)
        for name, own in seconds.items():
            found[name].append(Timing(kind, size, compile_too, tuple(own)))
    return found


def many_compilations() -> AbstractContextManager[object]:
    """Let torch compile the code that many networks share anew for each, and say so where it does not."""
    from torch._dynamo import config  # a second to import, and few ask for it

    more: AbstractContextManager[object]
    more = config.patch(recompile_limit=LARGE, fail_on_recompile_limit_hit=True)
    return more


def inference(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], setting: Setting
) -> Callable[[], None]:
    """Return one pass in eval mode."""
    model.eval()

    def once() -> None:
        with torch.no_grad(), setting.cast():
            run(*inputs)

    return once


def training_step(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], setting: Setting
) -> Callable[[], None]:
    """Return one step of training towards a smaller mean of all outputs."""
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    # A rate at which nothing moves far: the times of numbers that overflow are other times.
    optimizer = torch.optim.SGD(parameters, lr=1e-6, momentum=0.9)

    def once() -> None:
        with setting.cast():
            outputs = [leaf for leaf in tree_leaves(run(*inputs)) if isinstance(leaf, Tensor)]
            means = [out.float().mean() for out in outputs if out.requires_grad]
        if not means:
            raise UsageError(
                "No output of the model asks for a gradient, so it has no training step to time: "
                "`latency` should be false."
            )
        torch.stack(means).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return once


def time_gates(
    gates: Mapping[str, tuple[nn.Module, Shape]], setting: Setting
) -> dict[str, tuple[Timing, Timing]]:
    """Return the time of each module alone on a map of its shape (N, C, H, W): inference, and both ways."""
    arms = {}
    for name, (gate, shape) in gates.items():
        own = setting.at(shapes=(tuple(shape[1:]),), batch_size=shape[0])
        mine, inputs = own.prepared(gate)
        arms[name, INFERENCE] = inference(mine, mine, inputs, setting)
        mine, inputs = own.prepared(gate)
        arms[name, BOTH_WAYS] = both_ways(mine, inputs[0], setting)
    taken = in_turns(arms, setting)
    return {
        name: (
            Timing(INFERENCE, shape[0], False, tuple(taken[name, INFERENCE])),
            Timing(BOTH_WAYS, shape[0], False, tuple(taken[name, BOTH_WAYS])),
        )
        for name, (_, shape) in gates.items()
    }


def both_ways(model: nn.Module, maps: Tensor, setting: Setting) -> Callable[[], None]:
    """Return a forward and a backward pass, to the maps and all parameters."""
    model.train()
    maps = maps.requires_grad_()
    wanted = [maps, *(p for p in model.parameters() if p.requires_grad)]

    def once() -> None:
        with setting.cast():
            out = model(maps)
        torch.autograd.grad(out.sum(), wanted, allow_unused=True)

    return once


def in_turns(arms: Mapping[Key, Callable[[], None]], setting: Setting) -> dict[Key, list[float]]:
    """Return the seconds of one call of each arm, round by round."""
    threads = torch.get_num_threads()
    timers = {
        name: Timer("run()", globals={"run": run}, num_threads=threads)
        for name, run in arms.items()
    }
    with setting.generators_kept():
        first = {name: timer.timeit(1).median for name, timer in timers.items()}  # warms up
        again = {name: timer.timeit(1).median for name, timer in timers.items()}
        calls = {name: max(1, round(BLOCK / min(first[name], again[name]))) for name in arms}
        seconds: dict[Key, list[float]] = {name: [] for name in arms}
        start = time.perf_counter()
        for turn in range(MOST):
            if turn >= FEWEST and time.perf_counter() - start > ENOUGH * len(arms):
                break
            for name, timer in timers.items():
                seconds[name].append(timer.timeit(calls[name]).median)
    return seconds
