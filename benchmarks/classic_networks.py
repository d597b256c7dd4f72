"""Networks as tutorials and well-known repositories write them, in short."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_CLASSES = 10


def make_inputs(name: str, images: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of a network for two images."""
    if name == "MnistTutorial":
        return (images[:, :1],), {}
    if name == "DcganGenerator":
        return (torch.randn(2, 100, 1, 1),), {}
    if name in ("SiameseTwoInputs", "LateFusionTwoInputs"):
        return (images, images.flip(0)), {}
    return (images,), {}


class CifarTutorial(nn.Module):
    """pytorch.org, Training a Classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, _CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(functional.relu(self.conv1(x)))
        x = self.pool(functional.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = functional.relu(self.fc1(x))
        x = functional.relu(self.fc2(x))
        return self.fc3(x)


class MnistTutorial(nn.Module):
    """pytorch/examples, mnist."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, _CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        x = self.dropout1(functional.max_pool2d(x, 2))
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        return functional.log_softmax(self.fc2(self.dropout2(x)), dim=1)


class LeNet(nn.Module):
    """LeNet-5 with hyperbolic tangents."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.Tanh(),
            nn.AvgPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, _CLASSES)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).flatten(1))


class VggWithSharedRelu(nn.Module):
    """A plain network that calls one ReLU after every convolution."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, 16, 32, 64]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(64, _CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = self.pool(self.relu(norm(conv(x))))
        return self.head(x.mean((2, 3)))


class _BasicBlock(nn.Module):
    def __init__(self, fan_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or fan_in != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(fan_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return functional.relu(out)


class KuangliuResNet(nn.Module):
    """kuangliu/pytorch-cifar, ResNet-18 with a quarter of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [16, 16, 32, 64, 128]
        self.layers = nn.Sequential(
            *(
                nn.Sequential(_BasicBlock(a, b, 1 + (a != b)), _BasicBlock(b, b, 1))
                for a, b in itertools.pairwise(widths)
            )
        )
        self.linear = nn.Linear(128, _CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(functional.relu(self.bn1(self.conv1(x))))
        out = functional.avg_pool2d(out, 4)
        return self.linear(out.view(out.size(0), -1))


class _DoubleConv(nn.Sequential):
    def __init__(self, fan_in: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(fan_in, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
        )  # fmt: skip


class MilesialUNet(nn.Module):
    """milesial/Pytorch-UNet, with two levels."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down1, self.down2 = (
            _DoubleConv(3, 16),
            _DoubleConv(16, 32),
            _DoubleConv(32, 64),
        )
        self.pool = nn.MaxPool2d(2)
        self.up1, self.conv1 = nn.ConvTranspose2d(64, 32, 2, 2), _DoubleConv(64, 32)
        self.up2, self.conv2 = nn.ConvTranspose2d(32, 16, 2, 2), _DoubleConv(32, 16)
        self.outc = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(self.pool(x1))
        x3 = self.down2(self.pool(x2))
        x = self.conv1(torch.cat([x2, self.up1(x3)], dim=1))
        x = self.conv2(torch.cat([x1, self.up2(x)], dim=1))
        return self.outc(x)


class DcganGenerator(nn.Module):
    """pytorch/examples, dcgan: transposed convolutions, Tanh at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(100, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
            nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class DcganDiscriminator(nn.Module):
    """pytorch/examples, dcgan: strided convolutions, LeakyReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 1, 8, 1, 0, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


class Pix2PixUNet(nn.Module):
    """junyanz/pytorch-CycleGAN-and-pix2pix: instance norms, concatenated skips, functional activations."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 16, 4, 2, 1), nn.Conv2d(16, 32, 4, 2, 1)
        self.down3 = nn.Conv2d(32, 64, 4, 2, 1)
        self.norm2, self.norm3 = nn.InstanceNorm2d(32), nn.InstanceNorm2d(64)
        self.up3, self.up2 = (
            nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.ConvTranspose2d(64, 16, 4, 2, 1),
        )
        self.up1 = nn.ConvTranspose2d(32, 3, 4, 2, 1)
        self.up_norm3, self.up_norm2 = nn.InstanceNorm2d(32), nn.InstanceNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        d1 = self.down1(x)
        d2 = self.norm2(self.down2(functional.leaky_relu(d1, 0.2)))
        d3 = self.norm3(self.down3(functional.leaky_relu(d2, 0.2)))
        u3 = self.up_norm3(self.up3(functional.relu(d3)))
        u2 = self.up_norm2(self.up2(functional.relu(torch.cat([u3, d2], 1))))
        return torch.tanh(self.up1(functional.relu(torch.cat([u2, d1], 1))))


class _EdsrBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(True), nn.Conv2d(width, width, 3, 1, 1)
        )
        self.scale = 0.1

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) * self.scale


class EdgeSuperResolution(nn.Module):
    """EDSR: residual blocks without norms, scaled branches, pixel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 16, 3, 1, 1)
        self.body = nn.Sequential(*(_EdsrBlock(16) for _ in range(3)), nn.Conv2d(16, 16, 3, 1, 1))
        self.tail = nn.Sequential(
            nn.Conv2d(16, 64, 3, 1, 1), nn.PixelShuffle(2), nn.Conv2d(16, 3, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(self.body(x) + x)


class WganCritic(nn.Module):
    """A critic with layer norms and functional LeakyReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 4, 2, 1), nn.Conv2d(16, 32, 4, 2, 1)
        self.norm1, self.norm2 = nn.GroupNorm(1, 16), nn.GroupNorm(1, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.norm1(self.conv1(x)), 0.2)
        x = functional.leaky_relu(self.norm2(self.conv2(x)), 0.2)
        return self.head(x.mean((2, 3)))


class SiameseTwoInputs(nn.Module):
    """Two inputs with shared weights, and a third layer after their difference."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.decoder = nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU())
        self.head = nn.Linear(32, 2)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        difference = (self.encoder(before) - self.encoder(after)).abs()
        return self.head(self.decoder(difference).mean((2, 3)))


class LateFusionTwoInputs(nn.Module):
    """Two inputs with a branch each; the second is optional."""

    def __init__(self) -> None:
        super().__init__()
        self.rgb = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.depth = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.fuse = nn.Sequential(nn.Conv2d(32, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU())
        self.head = nn.Linear(32, _CLASSES)

    def forward(self, rgb: Tensor, depth: Tensor | None = None) -> Tensor:
        depth = torch.zeros_like(rgb) if depth is None else depth
        fused = self.fuse(torch.cat([self.rgb(rgb), self.depth(depth)], 1))
        return self.head(fused.mean((2, 3)))


class DictOutputs(nn.Module):
    """A backbone with two heads in a dict, the second in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.block = _BasicBlock(16, 32, 2)
        self.auxiliary = nn.Sequential(
            nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 2, 1)
        )
        self.head = nn.Conv2d(32, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.stem(x)
        out = {"out": self.head(self.block(features))}
        if self.training:
            out["aux"] = self.auxiliary(features)
        return out


class SmallFpn(nn.Module):
    """A feature pyramid: sums from the top down, a list of maps as output."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        self.stage1, self.stage2 = _BasicBlock(16, 32, 2), _BasicBlock(32, 64, 2)
        self.lateral1, self.lateral2 = nn.Conv2d(32, 16, 1), nn.Conv2d(64, 16, 1)
        self.smooth = nn.Conv2d(16, 16, 3, 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        c1 = self.stage1(self.stem(x))
        c2 = self.stage2(c1)
        p2 = self.lateral2(c2)
        p1 = self.lateral1(c1) + functional.interpolate(p2, size=c1.shape[2:], mode="nearest")
        return [self.smooth(p1), p2]
