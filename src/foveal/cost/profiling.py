"""Two passes of a copy of a network: one counts what it does, the other what it keeps for backward."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import nn

from foveal.cost.ablation import GatePassedBy
from foveal.cost.attribution import Frame, Frames, Seen
from foveal.cost.conditions import META, Setting
from foveal.cost.copying import copied
from foveal.cost.counting import Tally, counting
from foveal.cost.saved_tensors import added_by, keeping, kept_by_frame
from foveal.errors import FovealError


@dataclass(frozen=True)
class Counted:
    """What a pass in eval mode did, by frame, and the device on which it ran."""

    seen: dict[Frame, Seen]
    tallies: dict[Frame, Tally]
    on: str


@dataclass(frozen=True)
class Held:
    """What a pass in training mode keeps, by the frame that saves it first, and what each gate adds."""

    seen: dict[Frame, Seen]
    kept: Counter[Frame]
    added: dict[str, int]


def count(model: nn.Module, setting: Setting) -> Counted:
    """Run the model in eval mode without gradients.

    On the meta device if it runs there: nothing is computed, so size costs nothing. What needs values runs on
    the device of the setting.

    Raises:
        FovealError: the model raises, on that device too.
    """
    try:
        return counted(model, setting.at(device=META, precision="fp32"))
    except Exception as error:
        if setting.device == META:
            raise failure(model, setting, error) from error
    try:
        return counted(model, setting)
    except Exception as error:
        raise failure(model, setting, error) from error


def counted(model: nn.Module, setting: Setting) -> Counted:
    """Count on the device of the setting."""
    mine = copied(model, setting.device).eval()
    frames = Frames(mine)
    with setting.generators_kept(), setting.cast(), torch.no_grad():
        inputs = setting.inputs(mine)
        with frames.watching(), counting(frames) as counter:
            mine(*inputs)
    return Counted(frames.seen, dict(counter.tallies), setting.device)


def hold(model: nn.Module, setting: Setting) -> Held:
    """Run the model in training mode, on the device of the setting: what is kept depends on it.

    Raises:
        FovealError: the model raises.
    """
    try:
        mine = copied(model, setting.device).train()
        frames = Frames(mine)
        with setting.generators_kept(), setting.cast():
            inputs = setting.inputs(mine)
            with frames.watching(), keeping(mine, frames) as kept:
                output = mine(*inputs)  # held while we look: with it goes its graph
                storages = kept.storages()
    except Exception as error:
        raise failure(model, setting, error) from error
    del output
    added = {gate: added_by(gate, ends, storages) for gate, ends in frames.ends.items()}
    return Held(frames.seen, kept_by_frame(storages), added)


def failure(model: nn.Module, setting: Setting, error: Exception) -> FovealError:
    """Say that a model raised, on which input."""
    if isinstance(error, FovealError):
        return error
    sizes = [(setting.batch_size, *shape) for shape in setting.shapes]
    inputs = " and ".join(f"({', '.join(map(str, size))})" for size in sizes)
    said = " ".join(str(error).split()) or type(error).__name__
    if "more than 1 value per channel" in said:
        said += " Take a `batch_size` of at least 2."
    taken = f"{type(model).__name__} cannot take {inputs}: {said}"
    if any(isinstance(module, GatePassedBy) for module in model.modules()):
        taken = (
            f'Without its gates {taken} Measure it alone: `compare_costs({{"model": model}}, ...)`.'
        )
    return FovealError(taken)
