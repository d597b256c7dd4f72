"""Grad-CAM, compared with CAM for a network where both are equal."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.errors import UsageError
from foveal.explanation import grad_cam
from foveal.explanation.grad_cam import find_last_convolution
from foveal.models import build_model


class GlobalAverageModel(nn.Module):
    """Convolution, global average pooling, linear layer: Grad-CAM equals CAM (Zhou et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.conv(x).mean((2, 3)))
        return result


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("frozen", [False, True])
def test_equals_cam_for_global_average_pooling(count: int, frozen: bool) -> None:
    model = GlobalAverageModel().train().requires_grad_(not frozen)
    images, labels = torch.randn(count, 3, 12, 17), [k % 4 for k in range(count)]
    result = grad_cam(model, images, labels, chunk=2)
    features = model.conv(images)
    positions = features.shape[2] * features.shape[3]
    cams = torch.einsum("nchw,nc->nhw", features, model.head.weight[labels]).relu() / positions
    expected = F.interpolate(cams[:, None], size=(12, 17), mode="bilinear")[:, 0]
    torch.testing.assert_close(result, expected.detach(), atol=1e-6, rtol=1e-5)
    assert model.training
    assert all(p.grad is None and p.requires_grad is not frozen for p in model.parameters())
    assert not model.conv._forward_hooks


def test_default_layer_is_outside_gates() -> None:
    for attention in ("none", "cbam", "bam"):
        model = build_model("convnet", attention=attention)
        assert find_last_convolution(model) == find_last_convolution(build_model("convnet"))
        assert grad_cam(model, torch.rand(2, 3, 32, 32), [0, 1]).shape == (2, 32, 32)


def test_default_layer_is_outside_timm_attention() -> None:
    model = build_model("convnet", attention="timm/se")
    assert any(
        isinstance(module, nn.Conv2d) and ".attention." in name
        for name, module in model.named_modules()
    )
    assert find_last_convolution(model) == find_last_convolution(build_model("convnet"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_casts_images_to_model_dtype(dtype: torch.dtype) -> None:
    images = torch.randn(2, 3, 12, 9).bfloat16().float()
    result = grad_cam(GlobalAverageModel().to(dtype), images, [1, 2])
    assert result.dtype == torch.float32
    assert torch.equal(result, grad_cam(GlobalAverageModel().to(dtype), images.to(dtype), [1, 2]))
    expected = grad_cam(GlobalAverageModel(), images, [1, 2])
    assert expected.max() > 0
    torch.testing.assert_close(result, expected, atol=0.02 * float(expected.max()), rtol=0)


def test_works_inside_no_grad() -> None:
    with torch.no_grad():
        assert grad_cam(GlobalAverageModel(), torch.rand(1, 3, 8, 8), [1]).shape == (1, 8, 8)


def test_refuses_invalid_arguments() -> None:
    with pytest.raises(UsageError, match="Did you mean 'conv'"):
        grad_cam(GlobalAverageModel(), torch.rand(1, 3, 8, 8), [0], layer="conf")
    with pytest.raises(UsageError, match="no 2D convolution"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.rand(1, 3, 2, 2), [0])
    with pytest.raises(UsageError, match="`labels` should be integers, one for each of 2 images"):
        grad_cam(GlobalAverageModel(), torch.rand(2, 3, 8, 8), [0])
    for wrong in (4, -1):
        with pytest.raises(
            UsageError,
            match=rf"`labels` should be classes of the model, from 0 to 3.*`labels = {wrong}`",
        ):
            grad_cam(GlobalAverageModel(), torch.rand(3, 3, 8, 8), [0, 1, wrong], chunk=2)
    for images in (torch.rand(3, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)):
        with pytest.raises(UsageError, match=r"floats of shape \(N, C, H, W\)"):
            grad_cam(GlobalAverageModel(), images, [0])


def test_refuses_layer_without_effect_on_the_logits() -> None:
    class UnusedLayer(GlobalAverageModel):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Conv2d(3, 2, 1)

    with pytest.raises(UsageError, match="do not depend on the layer 'unused'"):
        grad_cam(UnusedLayer(), torch.rand(1, 3, 8, 8), [0], layer="unused")
