"""ConvNet: the small CNN of the default study."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from foveal.errors import bad_parameter
from foveal.models.fused_layers import MaxPool2x2, ReLU, run_conv_batch_norm_relu

_BLOCK_WIDTHS = (32, 64, 128)
_HIDDEN_WIDTH = 1024


class ConvNet(nn.Module):
    """A CNN of three convolutional blocks and two linear layers that returns logits.

    A block is conv3x3 (padding 1) - batch norm - ReLU - max pool 2, with 32, 64 and 128 channels. For
    10 classes of 3x32x32 images the network has 2,202,122 parameters; `widening` multiplies all widths.
    It contains no attention: `insert` adds gates after the ReLU of each block.

    Shape: (N, in_channels, image_size, image_size) to (N, num_classes).

    >>> sum(p.numel() for p in ConvNet().parameters())
    2202122
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: int = 32,
        *,
        widening: float = 1.0,
    ) -> None:
        super().__init__()
        widths = [round(width * widening) for width in _BLOCK_WIDTHS]
        hidden = round(_HIDDEN_WIDTH * widening)
        side = image_size // 2 ** len(_BLOCK_WIDTHS)
        if side < 1:
            raise bad_parameter("image_size", "at least 8", image_size)
        self.input_shape = (in_channels, image_size, image_size)
        input_widths = (in_channels, *widths)
        self.blocks = nn.Sequential(
            *(
                _ConvBlock(fan_in, width)
                for fan_in, width in zip(input_widths, widths, strict=False)
            )
        )
        self.head = nn.Sequential(
            OrderedDict(
                hidden=nn.Linear(widths[-1] * side**2, hidden),
                relu=nn.ReLU(),
                logits=nn.Linear(hidden, num_classes),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        out: Tensor = self.head(self.blocks(x).flatten(1))
        return out


class _ConvBlock(nn.Module):
    """Block of conv3x3, batch norm, ReLU and max pool 2. (N, C, H, W) to (N, width, H // 2, W // 2)."""

    def __init__(self, fan_in: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fan_in, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.relu = ReLU()
        self.pool = MaxPool2x2()

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled feature map."""
        out: Tensor = self.pool(run_conv_batch_norm_relu(self.conv, self.norm, self.relu, x))
        return out
