"""Export of a network to ONNX or torch.export, verified against the network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.models.example_inputs import make_example
from foveal.module_modes import eval_mode
from foveal.optional_imports import suggest_install

_RELATIVE_TOLERANCE = 1e-4  # of the largest logit; other runtimes sum in another order


def export_model(model: nn.Module, path: Path, *, example: Tensor | None = None) -> float:
    """Write the model to `path`, as ONNX (`.onnx`) or torch.export (`.pt2`), with a dynamic batch size.

    Returns the largest difference between the logits of the file and of the model, for three random
    images with the shape of `example`. The file is written only if this difference is small.

    Raises:
        UsageError: the suffix is unknown, or a package for ONNX is not installed.
        FovealError: the logits differ by more than 1e-4 of the largest logit.
    """
    writers = {".onnx": _write_onnx, ".pt2": _write_torch_export}
    if path.suffix not in writers:
        raise UsageError(f"The file name should end in .onnx or .pt2. Found {path.name!r}.")
    example = make_example(model) if example is None else example
    images = torch.randn(3, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    partial = path.with_name(f".partial-{path.name}")
    try:
        with eval_mode(model), torch.no_grad():
            expected = model(images)
            exported = writers[path.suffix](model, images, partial)
        difference = float((exported - expected).abs().max())
        if not difference <= _RELATIVE_TOLERANCE * float(expected.abs().max()):
            raise FovealError(
                f"The logits of the exported network differ by {difference:.2g}. Nothing was written."
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return difference


def _write_torch_export(model: nn.Module, images: Tensor, path: Path) -> Tensor:
    """Write a torch.export program, read it back and return its logits for `images`."""
    program = torch.export.export(model, (images,), dynamic_shapes=_make_dynamic_shapes())
    torch.export.save(program, path)
    logits: Tensor = torch.export.load(path).module()(images)
    return logits


def _write_onnx(model: nn.Module, images: Tensor, path: Path) -> Tensor:
    """Write an ONNX file and return the logits of onnxruntime for `images`."""
    with suggest_install("foveal[export]"):
        import onnxruntime
        import onnxscript  # noqa: F401  # torch reports its absence only in the middle of the export
    torch.onnx.export(
        model,
        (images,),
        path,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=_make_dynamic_shapes(),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    return torch.from_numpy(logits)


def _make_dynamic_shapes() -> tuple[dict[int, object]]:
    """Return `dynamic_shapes` with a dynamic batch dimension."""
    return ({0: torch.export.Dim("batch")},)
