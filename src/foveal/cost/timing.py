"""How long networks take, all in turns, so that a disturbance of the machine meets them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer

from foveal.cost.copying import copied
from foveal.cost.passes import Shape, cast, inputs_of

INFERENCE, STEP, BOTH_WAYS = "inference", "training step", "forward and backward"
FEWEST, MOST = 5, 25  # rounds
ENOUGH = 1.5  # seconds an arm, after which no further round is begun
BLOCK = 0.02  # seconds of one measurement, at least
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
    models: Mapping[str, nn.Module], shapes: Sequence[Shape], *, batch_sizes: Sequence[int],
    device: str, precision: str, channels_last: bool, compiled: bool,
) -> dict[str, list[Timing]]:  # fmt: skip
    """Return the times of each network: inference by batch size, and training with the largest.

    Copies are measured. Inference is in eval mode without gradients. A network without anything to
    train has no training step, and then the others have none either.
    """
    work = [(INFERENCE, size) for size in batch_sizes]
    if all(any(p.requires_grad for p in model.parameters()) for model in models.values()):
        work.append((STEP, max(batch_sizes)))
    found: dict[str, list[Timing]] = {name: [] for name in models}
    for (kind, size), compile_too in product(work, [False, True] if compiled else [False]):
        inputs = inputs_of(shapes, batch_size=size, device=device)
        if channels_last:
            inputs = [laid_out(one) for one in inputs]
        make = inference if kind == INFERENCE else training_step
        arms = {}
        for name, model in models.items():
            mine = copied(model, device)
            if channels_last:
                mine.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            run = torch.compile(mine) if compile_too else mine
            arms[name] = make(mine, run, inputs, device, precision)
        for name, seconds in in_turns(arms).items():
            found[name].append(Timing(kind, size, compile_too, tuple(seconds)))
    return found


def time_gates(
    gates: Mapping[str, tuple[nn.Module, Shape]],
    *,
    device: str,
    precision: str,
    channels_last: bool,
) -> dict[str, tuple[Timing, Timing]]:
    """Return the time of each module alone on a map of its shape (N, C, H, W): inference, and both ways."""
    arms = {}
    for name, (gate, shape) in gates.items():
        (maps,) = inputs_of([shape[1:]], batch_size=shape[0], device=device)
        maps = laid_out(maps) if channels_last else maps
        mine = copied(gate, device)
        arms[f"{name}/{INFERENCE}"] = inference(mine, mine, [maps], device, precision)
        arms[f"{name}/{BOTH_WAYS}"] = both_ways(copied(gate, device), maps, device, precision)
    taken = in_turns(arms)
    return {
        name: (
            Timing(INFERENCE, shape[0], False, tuple(taken[f"{name}/{INFERENCE}"])),
            Timing(BOTH_WAYS, shape[0], False, tuple(taken[f"{name}/{BOTH_WAYS}"])),
        )
        for name, (_, shape) in gates.items()
    }


def both_ways(model: nn.Module, maps: Tensor, device: str, precision: str) -> Callable[[], None]:
    """Return a forward and a backward pass, to the maps and all parameters."""
    model.train()
    maps = maps.detach().requires_grad_()
    wanted = [maps, *(p for p in model.parameters() if p.requires_grad)]

    def once() -> None:
        with cast(device, precision):
            out = model(maps)
        torch.autograd.grad(out.sum(), wanted, allow_unused=True)

    return once


def laid_out(images: Tensor) -> Tensor:
    """Lay images (N, C, H, W) out with the channels of a pixel together."""
    return images.contiguous(memory_format=torch.channels_last) if images.dim() == 4 else images


def inference(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], device: str, precision: str
) -> Callable[[], None]:
    """Return one pass in eval mode."""
    model.eval()

    def once() -> None:
        with torch.no_grad(), cast(device, precision):
            run(*inputs)

    return once


def training_step(
    model: nn.Module, run: Callable[..., object], inputs: list[Tensor], device: str, precision: str
) -> Callable[[], None]:
    """Return one step of training towards a smaller mean of all outputs."""
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    # A rate at which nothing moves far: the times of numbers that overflow are other times.
    optimizer = torch.optim.SGD(parameters, lr=1e-6, momentum=0.9)

    def once() -> None:
        with cast(device, precision):
            outputs = [leaf for leaf in tree_leaves(run(*inputs)) if isinstance(leaf, Tensor)]
            loss = sum(out.float().mean() for out in outputs if out.requires_grad)
        assert isinstance(loss, Tensor)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return once


def in_turns(arms: Mapping[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Return the seconds of one call of each arm, round by round."""
    threads = torch.get_num_threads()
    timers = {
        name: Timer("run()", globals={"run": run}, num_threads=threads)
        for name, run in arms.items()
    }
    with torch.random.fork_rng():
        first = {name: timer.timeit(1).median for name, timer in timers.items()}  # warms up
        again = {name: timer.timeit(1).median for name, timer in timers.items()}
        calls = {name: max(1, round(BLOCK / min(first[name], again[name]))) for name in arms}
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        start = time.perf_counter()
        for turn in range(MOST):
            if turn >= FEWEST and time.perf_counter() - start > ENOUGH * len(arms):
                break
            for name, timer in timers.items():
                seconds[name].append(timer.timeit(calls[name]).median)
    return seconds
