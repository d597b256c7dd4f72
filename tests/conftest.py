"""What every test needs before it starts."""

import torch

# torchvision has no build for a torch without CUDA from the same index; its models are plain Python, but its
# import registers kernels for operators that its compiled part should have brought. Their schemas are enough.
if not torch.version.cuda:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        OPERATORS = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            OPERATORS.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
