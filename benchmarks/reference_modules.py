"""Modules that foveal is compared with: CBAM and BAM as in the code of their authors, and those of timm.

The modules repeat the operations of the original code one by one, including its intermediate tensors of the
size of the map. Importing this file registers them as attention modules.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.attention.registry import register

# Operator schemas stay registered as long as their library object exists.
OPERATOR_LIBRARIES: list[torch.library.Library] = []


@register("reference-channel", where="residual")
class ReferenceChannel(nn.Module):
    """Channel attention with two global pools, a shared MLP, and weights expanded to the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(channels // 16, 1)
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, width), nn.ReLU(), nn.Linear(width, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[2:]
        logits = self.mlp(F.avg_pool2d(x, size)) + self.mlp(F.max_pool2d(x, size))
        return x * logits.sigmoid()[:, :, None, None].expand_as(x)


@register("reference-spatial", where="residual")
class ReferenceSpatial(nn.Module):
    """Spatial attention from the maximum and mean over channels: a convolution and a batch norm."""

    def __init__(self, channels: int) -> None:  # noqa: ARG002
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        planes = torch.cat((x.max(1)[0].unsqueeze(1), x.mean(1).unsqueeze(1)), dim=1)
        return x * self.norm(self.conv(planes)).sigmoid()


@register("reference-cbam", where="residual")
class ReferenceCBAM(nn.Sequential):
    """Channel attention followed by spatial attention."""

    def __init__(self, channels: int) -> None:
        super().__init__(ReferenceChannel(channels), ReferenceSpatial(channels))


@register("reference-bam", where="stage")
class ReferenceBAM(nn.Module):
    """Product of channel and spatial attention, both expanded to the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = max(channels // 16, 1)
        self.channel = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, channels),
        )  # fmt: skip
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 1)]
        for _ in range(2):
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, padding=4, dilation=4)]
        self.spatial = nn.Sequential(
            *layers, nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        channel = self.channel(F.avg_pool2d(x, x.shape[2:]))[:, :, None, None].expand_as(x)
        spatial = self.spatial(x).expand_as(x)
        return (1 + torch.sigmoid(channel * spatial)) * x


def has_timm() -> bool:
    """Return whether timm can be imported.

    timm imports torchvision. A torchvision without its compiled part lacks the schemas of two operators,
    which are registered here.
    """
    try:
        import timm.layers
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        OPERATOR_LIBRARIES.append(library)
        import timm.layers  # noqa: F401
    except ImportError:
        return False
    return True
