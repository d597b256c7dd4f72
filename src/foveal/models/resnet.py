"""ResNets, plain: they know nothing of attention.

He et al. 2016, "Deep Residual Learning for Image Recognition". The keys are those of torchvision, so its
weights load; the stride of a bottleneck stands in its 3x3 convolution, as there. What differs: each
ReLU is a module of its own (torchvision calls one several times), so that attention can stand behind any.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from foveal.validation import require_one_of

STEMS = ("imagenet", "cifar")


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a way around them. (N, C, H, W) to (N, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, fan_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(fan_in, width, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(fan_in, width, stride=stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(branch + shortcut)."""
        out = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        result: Tensor = self.relu2(out + (x if self.downsample is None else self.downsample(x)))
        return result


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution and a way around them; the output has 4 * width channels."""

    expansion = 4

    def __init__(self, fan_in: int, width: int, *, stride: int) -> None:
        super().__init__()
        out = width * self.expansion
        self.conv1 = nn.Conv2d(fan_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(width, width, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = shortcut(fan_in, out, stride=stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(branch + shortcut)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu2(self.bn2(self.conv2(out)))))
        result: Tensor = self.relu3(out + (x if self.downsample is None else self.downsample(x)))
        return result


class ResNet(nn.Module):
    """Stem, four stages of residual blocks, global average pool, logits.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        depths: blocks of each stage.
        num_classes: width of the logits.
        in_channels: channels of the images.
        image_size: their height and width; the network takes any, this one is for finding sites.
        stem: `imagenet` (7x7 stride 2 and max pool) or `cifar` (3x3 stride 1, no pool).
        widening: multiplies the widths, 64 channels in the first stage and twice as many in each further.

    Shape: (N, in_channels, H, W) to (N, num_classes).
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
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
        if require_one_of("stem", stem, STEMS) == "imagenet":
            self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = conv3x3(in_channels, width)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        fan_in = width
        stages = OrderedDict[str, nn.Module]()
        for stage, depth in enumerate(depths):
            wide = round(64 * 2**stage * widening)
            blocks = []
            for place in range(depth):
                blocks.append(block(fan_in, wide, stride=2 if stage and not place else 1))
                fan_in = wide * block.expansion
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


def conv3x3(fan_in: int, width: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps height and width, up to its stride."""
    return nn.Conv2d(fan_in, width, 3, stride=stride, padding=1, bias=False)


def shortcut(fan_in: int, width: int, *, stride: int) -> nn.Sequential | None:
    """Return the way around a block: a 1x1 convolution and norm, None where nothing has to fit."""
    if stride == 1 and fan_in == width:
        return None
    return nn.Sequential(
        nn.Conv2d(fan_in, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
    )


def resnet18(**options: object) -> ResNet:
    """Return a ResNet-18; the options are those of `ResNet`. 11,689,512 parameters for ImageNet.

    >>> sum(p.numel() for p in resnet18(num_classes=10, stem="cifar").parameters())
    11173962
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), **options)  # type: ignore[arg-type]


def resnet34(**options: object) -> ResNet:
    """Return a ResNet-34; the options are those of `ResNet`. 21,797,672 parameters for ImageNet."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **options)  # type: ignore[arg-type]


def resnet50(**options: object) -> ResNet:
    """Return a ResNet-50; the options are those of `ResNet`. 25,557,032 parameters for ImageNet."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **options)  # type: ignore[arg-type]


def resnet101(**options: object) -> ResNet:
    """Return a ResNet-101; the options are those of `ResNet`. 44,549,160 parameters for ImageNet."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **options)  # type: ignore[arg-type]
