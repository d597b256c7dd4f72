"""Export of a network to ONNX or torch.export, verified against the network."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten_with_path, tree_map

from foveal.errors import FovealError, UsageError, bad_parameter, summarize_error
from foveal.models.example_inputs import Inputs, bind_example, make_example
from foveal.module_modes import eval_mode
from foveal.optional_imports import suggest_install

_RELATIVE_TOLERANCE = 1e-4  # of the largest logit; other runtimes sum in another order
_BATCH_SIZE = 3


def export_model(model: nn.Module, path: str | Path, *, example: object = None) -> float:
    """Write the model to `path`, as ONNX (`.onnx`) or torch.export (`.pt2`), with a dynamic batch size.

    The model may take and return several tensors in tuples, lists and dicts. In ONNX a single input is named
    `images` and a single output `logits`; several inputs have the names of the arguments of `forward`, and
    outputs those of the keys of a dict. Returns the largest difference between the outputs of the file and of
    the model for a batch of three random images. The file is written only if this difference is small.

    Args:
        model: the network.
        path: the file to write.
        example: what the model takes, as in `insert`. Tensors with as many rows as the first one are batches.

    Raises:
        UsageError: the suffix is unknown, the example has no batch of tensors, the model returns no tensor,
            or a package for ONNX is not installed.
        FovealError: the network cannot be exported, or an output differs by more than 1e-4 of its largest
            value.
    """
    path = Path(path)
    writers = {".onnx": _write_onnx, ".pt2": _write_torch_export}
    if path.suffix not in writers:
        raise UsageError(f"The file name should end in .onnx or .pt2. Found {path.name!r}.")
    inputs = _draw_batch(bind_example(model, make_example(model) if example is None else example))
    partial = path.with_name(f".partial-{path.name}")
    try:
        with eval_mode(model), torch.no_grad():
            expected = _list_outputs(model(*inputs.args, **inputs.kwargs))
            exported = writers[path.suffix](model, inputs, partial)
        difference = _require_close(exported, [tensor for _, tensor in expected])
        partial.replace(path)
    except FovealError:
        raise
    except Exception as error:  # exporters raise anything for what they do not support
        raise FovealError(
            f"The network cannot be exported to {path.suffix} ({summarize_error(error)})."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return difference


def _list_outputs(output: object) -> list[tuple[str, Tensor]]:
    """Return the tensors that a model returned, with a name for each.

    Raises:
        UsageError: there is none.
    """
    if isinstance(output, Tensor):
        return [("logits", output)]
    leaves, _ = tree_flatten_with_path(output)
    tensors = [(path, leaf) for path, leaf in leaves if isinstance(leaf, Tensor)]
    if not tensors:
        raise UsageError(
            f"The model returns no tensor that could be exported. Found {type(output).__name__}."
        )
    names = [
        "_".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
        for path, _ in tensors
    ]
    return [
        (name if name.isidentifier() else f"output_{name}", tensor)
        for name, (_, tensor) in zip(names, tensors, strict=True)
    ]


def _require_close(exported: list[Tensor], expected: list[Tensor]) -> float:
    """Return the largest difference of outputs; raise a `FovealError` if it is not small."""
    largest = 0.0
    for ours, theirs in zip(exported, expected, strict=True):
        if not theirs.numel():
            continue
        difference = float((ours.double() - theirs.double()).abs().max())
        if not difference <= _RELATIVE_TOLERANCE * float(theirs.double().abs().max()):
            raise FovealError(
                f"The outputs of the exported network differ by {difference:.2g}. Nothing was written."
            )
        largest = max(largest, difference)
    return largest


def _draw_batch(example: Inputs) -> Inputs:
    """Return inputs like those of an example: three random images; other tensors are repeated.

    Raises:
        UsageError: the example has no tensor, or its first one has no rows.
    """
    first = next(iter(example.tensors), None)
    if first is None or not first.dim() or not len(first):
        found = "no tensor" if first is None else f"shape {tuple(first.shape)}"
        raise bad_parameter("example", "images (N, C, H, W), or arguments with a batch", found)
    generator = torch.Generator().manual_seed(0)

    def draw(value: object) -> object:
        if not _is_batch(value, len(first)):
            return value
        assert isinstance(value, Tensor)
        rows = value[:1].expand(_BATCH_SIZE, *value.shape[1:])
        if value.is_floating_point():
            rows = torch.randn(rows.shape, generator=generator)
        return rows.to(value.device, value.dtype).contiguous()

    return Inputs(*tree_map(draw, (example.args, example.kwargs)))


def _is_batch(value: object, size: int = _BATCH_SIZE) -> bool:
    """Return True for a tensor with this number of rows."""
    return isinstance(value, Tensor) and value.dim() > 0 and len(value) == size


def _write_torch_export(model: nn.Module, inputs: Inputs, path: Path) -> list[Tensor]:
    """Write a torch.export program, read it back and return its outputs for the inputs."""
    program = torch.export.export(
        model, inputs.args, inputs.kwargs, dynamic_shapes=_make_dynamic_shapes(model, inputs)
    )
    torch.export.save(program, path)
    output = torch.export.load(path).module()(*inputs.args, **inputs.kwargs)
    return [tensor for _, tensor in _list_outputs(output)]


def _write_onnx(model: nn.Module, inputs: Inputs, path: Path) -> list[Tensor]:
    """Write an ONNX file and return the outputs of onnxruntime for the inputs."""
    with suggest_install("foveal[export]"):
        import onnxruntime
        import onnxscript  # noqa: F401  # torch reports its absence only in the middle of the export
    output = model(*inputs.args, **inputs.kwargs)
    torch.onnx.export(
        model,
        inputs.args,
        path,
        kwargs=inputs.kwargs,
        input_names=["images"] if len(inputs.tensors) == 1 else None,
        output_names=[name for name, _ in _list_outputs(output)],
        dynamic_shapes=_make_dynamic_shapes(model, inputs),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    values = dict(zip(names, (tensor.numpy() for tensor in inputs.tensors), strict=True))
    return [torch.from_numpy(out) for out in session.run(None, values)]


def _make_dynamic_shapes(model: nn.Module, inputs: Inputs) -> dict[str, Any]:
    """Return `dynamic_shapes` with a dynamic batch dimension, by the arguments of `forward`."""
    batch = torch.export.Dim("batch")
    arguments = inspect.signature(model.forward).bind(*inputs.args, **inputs.kwargs).arguments
    shapes: dict[str, Any] = tree_map(
        lambda value: {0: batch} if _is_batch(value) else None, dict(arguments)
    )
    return shapes
