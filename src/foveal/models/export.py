"""A network for other runtimes, checked against the network it came from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.models.insertion import example_of
from foveal.module_modes import eval_mode
from foveal.optional_imports import suggest_install

TOLERANCE = 1e-4  # of the largest logit: another runtime sums in another order


def export(model: nn.Module, path: Path, *, example: Tensor | None = None) -> float:
    """Write the model to `path`, ONNX for `.onnx` and torch.export for `.pt2`, with a free batch size.

    Returns the largest difference between its logits and the model's, on random images of the
    example's shape in a batch of three; the file is there only if that is small.

    Raises:
        UsageError: the suffix is another, or what ONNX needs is not installed.
        FovealError: the logits differ by more than 1e-4 of the largest.
    """
    writers = {".onnx": write_onnx, ".pt2": write_program}
    if path.suffix not in writers:
        raise UsageError(f"The file should end in .onnx or .pt2. Found {path.name!r}.")
    example = example_of(model) if example is None else example
    images = torch.randn(3, *example.shape[1:], generator=torch.Generator().manual_seed(0))
    aside = path.with_name(f".aside-{path.name}")
    try:
        with eval_mode(model), torch.no_grad():
            expected = model(images)
            found = writers[path.suffix](model, images, aside)
        difference = float((found - expected).abs().max())
        if not difference <= TOLERANCE * float(expected.abs().max()):
            raise FovealError(
                f"The exported network differs by {difference:.2g}: nothing is written."
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return difference


def write_program(model: nn.Module, images: Tensor, path: Path) -> Tensor:
    """Write a torch.export program, read it again and return what it says of `images`."""
    program = torch.export.export(model, (images,), dynamic_shapes=batch_is_free())
    torch.export.save(program, path)
    logits: Tensor = torch.export.load(path).module()(images)
    return logits


def write_onnx(model: nn.Module, images: Tensor, path: Path) -> Tensor:
    """Write an ONNX file and return what onnxruntime says of `images`."""
    with suggest_install("foveal[export]"):
        import onnxruntime
        import onnxscript  # noqa: F401  # torch reports its absence only in the middle of the export
    torch.onnx.export(
        model,
        (images,),
        path,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=batch_is_free(),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    return torch.from_numpy(logits)


def batch_is_free() -> tuple[dict[int, object]]:
    """Return that the first dimension of the images may have any size."""
    return ({0: torch.export.Dim("batch")},)
