"""Export of a network to ONNX or torch.export, verified against the network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten_with_path

from foveal.errors import FovealError, UsageError, bad_parameter
from foveal.models.example_inputs import make_example
from foveal.module_modes import eval_mode
from foveal.optional_imports import suggest_install

_RELATIVE_TOLERANCE = 1e-4  # of the largest logit; other runtimes sum in another order


def export_model(model: nn.Module, path: str | Path, *, example: object = None) -> float:
    """Write the model to `path`, as ONNX (`.onnx`) or torch.export (`.pt2`), with a dynamic batch size.

    The model may return several tensors in tuples, lists and dicts; in ONNX the outputs are named after the
    keys of a dict, and a single output `logits`. Returns the largest difference between the outputs of the
    file and of the model, for three random images with the shape of `example`. The file is written only if
    this difference is small.

    Raises:
        UsageError: the suffix is unknown, the example is not one tensor, the model returns no tensor, or a
            package for ONNX is not installed.
        FovealError: an output differs by more than 1e-4 of its largest value.
    """
    path = Path(path)
    writers = {".onnx": _write_onnx, ".pt2": _write_torch_export}
    if path.suffix not in writers:
        raise UsageError(f"The file name should end in .onnx or .pt2. Found {path.name!r}.")
    example = make_example(model) if example is None else example
    if not isinstance(example, Tensor):
        raise bad_parameter("example", "one tensor of images (N, C, H, W)", type(example).__name__)
    images = torch.randn(3, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    images = images.to(example.device, example.dtype)
    partial = path.with_name(f".partial-{path.name}")
    try:
        with eval_mode(model), torch.no_grad():
            expected = _list_outputs(model(images))
            exported = writers[path.suffix](model, images, partial)
        difference = _require_close(exported, [tensor for _, tensor in expected])
        partial.replace(path)
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


def _write_torch_export(model: nn.Module, images: Tensor, path: Path) -> list[Tensor]:
    """Write a torch.export program, read it back and return its outputs for `images`."""
    program = torch.export.export(model, (images,), dynamic_shapes=_make_dynamic_shapes())
    torch.export.save(program, path)
    output = torch.export.load(path).module()(images)
    return [tensor for _, tensor in _list_outputs(output)]


def _write_onnx(model: nn.Module, images: Tensor, path: Path) -> list[Tensor]:
    """Write an ONNX file and return the outputs of onnxruntime for `images`."""
    with suggest_install("foveal[export]"):
        import onnxruntime
        import onnxscript  # noqa: F401  # torch reports its absence only in the middle of the export
    torch.onnx.export(
        model,
        (images,),
        path,
        input_names=["images"],
        output_names=[name for name, _ in _list_outputs(model(images))],
        dynamic_shapes=_make_dynamic_shapes(),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(out) for out in session.run(None, {"images": images.numpy()})]


def _make_dynamic_shapes() -> tuple[dict[int, object]]:
    """Return `dynamic_shapes` with a dynamic batch dimension."""
    return ({0: torch.export.Dim("batch")},)
