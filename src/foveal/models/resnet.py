"""ResNets without attention.

He et al. 2016, "Deep Residual Learning for Image Recognition". The state-dict keys and the stride in the
3x3 convolution of a bottleneck are those of torchvision, so its weights load. One difference: each ReLU
is a separate module, so that attention can follow any of them; torchvision calls one module several times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from foveal.validation import require_one_of

_STEMS = ("imagenet", "cifar")


class _BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions. (N, C, H, W) to (N, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, fan_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = _make_conv3x3(fan_in, width, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = _make_conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _make_shortcut(fan_in, width, stride=stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(branch + shortcut)."""
        out = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        result: Tensor = self.relu2(out + (x if self.downsample is None else self.downsample(x)))
        return result


class _Bottleneck(nn.Module):
    """Residual block of a 1x1, a 3x3 and a 1x1 convolution; the output has 4 * width channels."""

    expansion = 4

    def __init__(self, fan_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv2d(fan_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = _make_conv3x3(width, width, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = _make_shortcut(fan_in, out, stride=stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(branch + shortcut)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu2(self.bn2(self.conv2(out)))))
        result: Tensor = self.relu3(out + (x if self.downsample is None else self.downsample(x)))
        return result


class ResNet(nn.Module):
    """ResNet: stem, four stages of residual blocks, global average pool, linear classifier.

    Args:
        block: `_BasicBlock` or `_Bottleneck`.
        depths: number of blocks in each stage.
        num_classes: number of logits.
        in_channels: channels of the images.
        image_size: height and width (px) of the example that finds sites; the network accepts any size.
        stem: `imagenet` (7x7 stride 2 and max pool) or `cifar` (3x3 stride 1, no pool).
        widening: factor of the widths, which are 64, 128, 256 and 512 channels.

    Shape: (N, in_channels, H, W) to (N, num_classes).
    """

    def __init__(
        self,
        block: type[_BasicBlock | _Bottleneck],
        depths: Sequence[int],
        *,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        stem: str = "imagenet",
        widening: float = 1.0,
    ) -> None:
        super().__init__()
        width = round(64 * widening)
        self.input_shape = (in_channels, image_size, image_size)
        if require_one_of("stem", stem, _STEMS) == "imagenet":
            self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = _make_conv3x3(in_channels, width)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        fan_in = width
        stages = OrderedDict[str, nn.Module]()
        for stage, depth in enumerate(depths):
            stage_width = round(64 * 2**stage * widening)
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(block(fan_in, stage_width, stride=stride))
                fan_in = stage_width * block.expansion
            stages[f"layer{stage + 1}"] = nn.Sequential(*blocks)
        for name, layers in stages.items():
            self.add_module(name, layers)
        self.stages = tuple(stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(fan_in, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        out: Tensor = self.fc(self.avgpool(x).flatten(1))
        return out


def _make_conv3x3(fan_in: int, width: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution without bias; with stride 1 it keeps height and width."""
    return nn.Conv2d(fan_in, width, 3, stride=stride, padding=1, bias=False)


def _make_shortcut(fan_in: int, width: int, *, stride: int) -> nn.Sequential | None:
    """Return the shortcut of a block: 1x1 convolution and norm, or None if the shapes already match."""
    if stride == 1 and fan_in == width:
        return None
    return nn.Sequential(
        nn.Conv2d(fan_in, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
    )


def resnet18(**options: object) -> ResNet:
    """Return a ResNet-18 with the options of `ResNet`. 11,689,512 parameters for ImageNet.

    >>> sum(p.numel() for p in resnet18(num_classes=10, stem="cifar").parameters())
    11173962
    """
    return ResNet(_BasicBlock, (2, 2, 2, 2), **options)  # type: ignore[arg-type]


def resnet34(**options: object) -> ResNet:
    """Return a ResNet-34 with the options of `ResNet`. 21,797,672 parameters for ImageNet."""
    return ResNet(_BasicBlock, (3, 4, 6, 3), **options)  # type: ignore[arg-type]


def resnet50(**options: object) -> ResNet:
    """Return a ResNet-50 with the options of `ResNet`. 25,557,032 parameters for ImageNet."""
    return ResNet(_Bottleneck, (3, 4, 6, 3), **options)  # type: ignore[arg-type]


def resnet101(**options: object) -> ResNet:
    """Return a ResNet-101 with the options of `ResNet`. 44,549,160 parameters for ImageNet."""
    return ResNet(_Bottleneck, (3, 4, 23, 3), **options)  # type: ignore[arg-type]
