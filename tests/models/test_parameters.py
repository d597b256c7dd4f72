"""Parameter counts of published networks, with and without attention."""

import pytest
import torch

from foveal.errors import UsageError
from foveal.models import build_model

# network, stem, classes: plain, + CBAM, + channel only, + BAM
TABLE = [
    ("resnet18", "imagenet", 1000, 11_689_512, 11_779_392, 11_778_592, 11_712_503),
    ("resnet34", "imagenet", 1000, 21_797_672, 21_960_468, 21_958_868, 21_820_663),
    ("resnet50", "imagenet", 1000, 25_557_032, 28_089_624, 28_088_024, 25_915_099),
    ("resnet101", "imagenet", 1000, 44_549_160, 49_330_172, 49_326_872, 44_907_227),
    ("resnet18", "cifar", 10, 11_173_962, 11_263_842, 11_263_042, 11_196_953),
    ("resnet18", "cifar", 100, 11_220_132, 11_310_012, 11_309_212, 11_243_123),
    ("resnet50", "cifar", 10, 23_520_842, 26_053_434, 26_051_834, 23_878_909),
    ("resnet50", "cifar", 100, 23_705_252, 26_237_844, 26_236_244, 24_063_319),
]
VARIANTS = ("none", "cbam-official", "channel", "bam-official")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
@pytest.mark.parametrize("column", range(4), ids=VARIANTS)
def test_parameters(row: tuple[str, str, int, int, int, int, int], column: int) -> None:
    name, stem, classes, *counts = row
    side = 32 if stem == "cifar" else 224
    with torch.device("meta"):
        model = build_model(
            name, num_classes=classes, image_size=side, stem=stem, attention=VARIANTS[column]
        )
    assert sum(p.numel() for p in model.parameters()) == counts[column]


@pytest.mark.parametrize("name", ["convnet", "resnet18", "resnet50"])
@pytest.mark.parametrize("like", ["cbam", "cbam:reduction=2", "bam"])
def test_wide_control_matches_the_parameters_without_attention(name: str, like: str) -> None:
    wide = build_model(name, attention=f"wide:like={like}")
    wanted = sum(p.numel() for p in build_model(name, attention=like).parameters())
    assert sum(p.numel() for p in wide.parameters()) == pytest.approx(wanted, rel=0.003)
    assert not any("attention" in key for key in wide.state_dict())


def test_wide_control_refuses_other_networks() -> None:
    with pytest.raises(UsageError, match="The control `wide` needs one of"):
        build_model("torchvision/resnet18", attention="wide")
