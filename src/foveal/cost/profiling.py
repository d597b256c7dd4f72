"""Profiling passes on copies of a network: operations in eval mode, saved tensors in training mode."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from foveal.cost.ablation import RemovedGate, is_part_of
from foveal.cost.attribution import Frame, FrameStats, FrameTracker, GateCall, get_storage_key
from foveal.cost.conditions import META_DEVICE, MeasurementSetup, copy_model
from foveal.cost.operations import OperationTally, record_operations
from foveal.errors import FovealError


@dataclass(frozen=True)
class OperationCounts:
    """Result of the eval-mode pass: calls and operations by frame, and the device of the pass."""

    stats: dict[Frame, FrameStats]
    tallies: dict[Frame, OperationTally]
    device: str


@dataclass(frozen=True)
class SavedMemory:
    """Result of the training-mode pass: bytes saved for backward.

    `saved_bytes` is by the frame that saves a storage first, `marginal_bytes` by gate.
    """

    stats: dict[Frame, FrameStats]
    saved_bytes: Counter[Frame]
    marginal_bytes: dict[str, int]


def profile_operations(model: nn.Module, setup: MeasurementSetup) -> OperationCounts:
    """Count the operations of a pass in eval mode without gradients.

    The pass runs on the meta device if the network supports it: nothing is computed there, whatever the
    size. A network that needs values runs on the device of the setup.

    Raises:
        FovealError: the model raises on that device too.
    """
    try:
        return profile_operations_on_device(
            model, replace(setup, device=META_DEVICE, precision="fp32")
        )
    except Exception as error:
        if setup.device == META_DEVICE:
            raise _make_forward_error(model, setup, error) from error
    try:
        return profile_operations_on_device(model, setup)
    except Exception as error:
        raise _make_forward_error(model, setup, error) from error


def profile_operations_on_device(model: nn.Module, setup: MeasurementSetup) -> OperationCounts:
    """Count the operations of a pass on the device of the setup."""
    model_copy = copy_model(model, setup.device).eval()
    frames = FrameTracker(model_copy)
    with setup.preserve_rng(), setup.autocast(), torch.no_grad():
        inputs = setup.make_inputs(model_copy)
        with frames.track(), record_operations(frames) as counter:
            model_copy(*inputs)
    return OperationCounts(frames.stats, dict(counter.tallies), setup.device)


def profile_saved_memory(model: nn.Module, setup: MeasurementSetup) -> SavedMemory:
    """Measure what a pass in training mode saves for backward, on the device of the setup.

    Raises:
        FovealError: the model raises.
    """
    try:
        model_copy = copy_model(model, setup.device).train()
        frames = FrameTracker(model_copy)
        with setup.preserve_rng(), setup.autocast():
            inputs = setup.make_inputs(model_copy)
            with frames.track(), record_saved_tensors(model_copy, frames) as log:
                output = model_copy(*inputs)  # its graph keeps the saved tensors alive
                storages = log.list_storages()
    except Exception as error:
        raise _make_forward_error(model, setup, error) from error
    del output
    marginal_bytes = {
        gate: _compute_marginal_bytes(gate, calls, storages)
        for gate, calls in frames.gate_calls.items()
    }
    return SavedMemory(frames.stats, _sum_bytes_by_frame(storages), marginal_bytes)


@dataclass(eq=False)
class _SavedTensor:
    """A tensor in the autograd graph and the frame that saved it; freed with the graph."""

    tensor: Tensor
    frame: Frame


@dataclass
class _SavedStorage:
    """Size of a saved storage in bytes, and the frames that saved it, in order."""

    size: int
    frames: list[Frame]


class _SavedTensorLog:
    """Log of the tensors that autograd saves, without keeping them alive.

    A storage is counted once and whole, however many tensors view it or parts of it. Parameters and buffers
    exist in any case and are not counted.
    """

    def __init__(self, model: nn.Module, frames: FrameTracker) -> None:
        self.frames = frames
        self.model_storages = {
            get_storage_key(tensor) for tensor in [*model.parameters(), *model.buffers()]
        }
        self.references: list[weakref.ref[_SavedTensor]] = []

    def pack(self, tensor: Tensor) -> _SavedTensor:
        """Record a tensor that the graph saves, as the pack hook of autograd."""
        # Detached: a saved output would keep the graph alive that keeps it alive.
        saved = _SavedTensor(tensor.detach(), self.frames.current)
        self.references.append(weakref.ref(saved))
        return saved

    def list_storages(self) -> dict[int, _SavedStorage]:
        """Return the storages that are saved now, by storage key."""
        storages: dict[int, _SavedStorage] = {}
        for reference in self.references:
            saved = reference()
            if saved is None:
                continue
            key = get_storage_key(saved.tensor)
            if key not in self.model_storages:
                size = saved.tensor.untyped_storage().nbytes()
                storages.setdefault(key, _SavedStorage(size, [])).frames.append(saved.frame)
        return storages


@contextmanager
def record_saved_tensors(model: nn.Module, frames: FrameTracker) -> Iterator[_SavedTensorLog]:
    """Yield a log of the tensors that the graph of this block saves."""
    log = _SavedTensorLog(model, frames)
    with saved_tensors_hooks(log.pack, lambda saved: saved.tensor):
        yield log


def _sum_bytes_by_frame(storages: dict[int, _SavedStorage]) -> Counter[Frame]:
    """Return the saved bytes by the frame that saved a storage first."""
    saved_bytes: Counter[Frame] = Counter()
    for storage in storages.values():
        saved_bytes[storage.frames[0]] += storage.size
    return saved_bytes


def _compute_marginal_bytes(
    gate: str, calls: Sequence[GateCall], storages: dict[int, _SavedStorage]
) -> int:
    """Return the additional bytes saved for backward because of this gate.

    Without the gate, neither its output nor the storages that only the gate saves would be saved. A layer
    that saves the gate's output would save the gate's input in its place.
    """
    saved_elsewhere = {
        key
        for key, storage in storages.items()
        if not all(is_part_of(frame.module, gate) for frame in storage.frames)
    }
    freed = {key for key in storages if key not in saved_elsewhere}
    replacements: dict[int, int] = {}
    for call in calls:
        input_key, output_key = get_storage_key(call.input), get_storage_key(call.output)
        if input_key != output_key and output_key in saved_elsewhere:
            freed.add(output_key)
            if input_key not in saved_elsewhere:
                replacements[input_key] = call.input.untyped_storage().nbytes()
    return sum(storages[key].size for key in freed) - sum(replacements.values())


def _make_forward_error(model: nn.Module, setup: MeasurementSetup, error: Exception) -> FovealError:
    """Return the error for a model that raised, with the shapes of its inputs."""
    if isinstance(error, FovealError):
        return error
    sizes = [(setup.batch_size, *shape) for shape in setup.input_shapes]
    inputs = " and ".join(f"({', '.join(map(str, size))})" for size in sizes)
    reason = " ".join(str(error).split()) or type(error).__name__
    if "more than 1 value per channel" in reason:
        reason += " Use a `batch_size` of at least 2."
    message = f"{type(model).__name__} cannot take {inputs}: {reason}"
    if any(isinstance(module, RemovedGate) for module in model.modules()):
        message = (
            f"Without its gates {message} Measure it alone: "
            '`compare_costs({"model": model}, ...)`.'
        )
    return FovealError(message)
