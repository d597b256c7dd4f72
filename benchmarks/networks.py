"""The networks of `check_networks.py`: how each is built, with an example of its inputs.

Their names are in `networks.txt`: `library/NAME`, with options after colons. All weights are random.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

NAMES = (Path(__file__).parent / "networks.txt").read_text().split()

_SIZE = 64  # px
_CLASSES = 10
_SIZES = {
    "torchvision/inception_v3": 299,
    "torchvision/alexnet": 96,
    "timm/inception_v4": 96,
    "timm/inception_resnet_v2": 96,
    "timm/nfnet_f0": 96,
    "timm/lambda_resnet26t": 128,
    "smp/PAN:resnet18": 128,
    "monai/HighResNet": 32,
    "classics/CifarTutorial": 32,
    "classics/MnistTutorial": 28,
    "classics/LeNet": 32,
    "classics/KuangliuResNet": 32,
    "timm/legacy_xception": 96,
}


def build(name: str) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """Return a network with random weights, and the positional and keyword arguments of its forward."""
    library, _, rest = name.partition("/")
    torch.manual_seed(0)
    size = _SIZES.get(name, _SIZE)
    images = torch.rand(2, 3, size, size)
    with contextlib.redirect_stdout(io.StringIO()):
        model, args, kwargs = _BUILDERS[library](rest, images)
    return model, args, kwargs


Built = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


def _build_torchvision(name: str, images: Tensor) -> Built:
    models = importlib.import_module("torchvision.models")
    if name.startswith("quantized_"):
        model = getattr(models.quantization, name.removeprefix("quantized_"))(num_classes=_CLASSES)
        return model, (images,), {}
    options: dict[str, Any] = {"weights": None, "num_classes": _CLASSES}
    if any(part in name for part in ("fpn", "ssd", "fcn", "deeplab", "lraspp")):
        options["weights_backbone"] = None
    if name in ("inception_v3", "googlenet"):
        options["init_weights"] = True
    if name.endswith("_fpn"):  # by default these detectors enlarge each image to 800 px
        options |= {"min_size": 2 * _SIZE, "max_size": 2 * _SIZE}
    model = models.get_model(name, **options)
    is_detector = any(part in name for part in ("fpn", "ssd"))
    return model, ([*images],) if is_detector else (images,), {}


def _build_timm(name: str, images: Tensor) -> Built:
    timm = importlib.import_module("timm")
    return timm.create_model(name, num_classes=_CLASSES), (images,), {}


def _build_ultralytics(name: str, images: Tensor) -> Built:
    tasks = importlib.import_module("ultralytics.nn.tasks")
    kinds = {"seg": "Segmentation", "pose": "Pose", "obb": "OBB", "cls": "Classification"}
    kind = kinds.get(name.partition("-")[2], "Detection")
    model = getattr(tasks, f"{kind}Model")(f"{name}.yaml", verbose=False)
    return model, (images,), {}


def _build_smp(name: str, images: Tensor) -> Built:
    smp = importlib.import_module("segmentation_models_pytorch")
    architecture, _, encoder = name.partition(":")
    return getattr(smp, architecture)(encoder, encoder_weights=None, classes=2), (images,), {}


def _build_monai(name: str, images: Tensor) -> Built:
    nets = importlib.import_module("monai.networks.nets")
    maps = {"in_channels": 3, "out_channels": 2}
    steps = {"channels": (8, 16, 32), "strides": (2, 2)}
    options: dict[str, dict[str, Any]] = {
        "UNet": {"spatial_dims": 2, **maps, **steps, "num_res_units": 1},
        "BasicUNet": {"spatial_dims": 2, **maps},
        "BasicUNetPlusPlus": {"spatial_dims": 2, **maps},
        "AttentionUnet": {"spatial_dims": 2, **maps, **steps},
        "SegResNet": {"spatial_dims": 2, **maps},
        "DynUNet": {
            "spatial_dims": 2,
            **maps,
            "kernel_size": [3, 3, 3],
            "strides": [1, 2, 2],
            "upsample_kernel_size": [2, 2],
        },
        "DenseNet121": {"spatial_dims": 2, **maps},
        "SEResNet50": {"spatial_dims": 2, "in_channels": 3, "num_classes": _CLASSES},
        "EfficientNetBN": {
            "model_name": "efficientnet-b0",
            "pretrained": False,
            "num_classes": _CLASSES,
        },
        "HighResNet": {"spatial_dims": 2, **maps},
        "AutoEncoder": {"spatial_dims": 2, **maps, "channels": (8, 16), "strides": (2, 2)},
        "ResNet18": {},
    }
    if name == "VNet":  # its first block repeats the channels of the image up to 16
        # Without dropout, which is always that of volumes and drops whole images of a batch.
        no_dropout = {"dropout_prob_down": None, "dropout_prob_up": (None, 0.0)}
        model = nets.VNet(spatial_dims=2, in_channels=1, out_channels=2, **no_dropout)
        images = images[:, :1]
    elif name == "ResNet18":
        model = nets.resnet18(spatial_dims=2, n_input_channels=3, num_classes=_CLASSES)
    else:
        model = getattr(nets, name)(**options[name])
    return model, (images,), {}


def _build_transformers(name: str, images: Tensor) -> Built:
    t = importlib.import_module("transformers")
    small = {"hidden_sizes": [16, 32, 64, 128], "depths": [1, 1, 2, 1]}
    options: dict[str, dict[str, Any]] = {
        "ResNet": {"embedding_size": 16, **small, "layer_type": "basic"},
        "RegNet": {"embedding_size": 16, **small, "groups_width": 16},
        "ConvNext": small,
        "ConvNextV2": small,
        "Bit": {"embedding_size": 32, **small, "num_groups": 8},
        "PoolFormer": {"hidden_sizes": [16, 32, 64, 128], "depths": [1, 1, 1, 1]},
        "FocalNet": {
            "image_size": _SIZE,
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [16, 32, 64, 128],
        },
        "EfficientNet": {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640},
    }
    if name == "UperNet":
        backbone = t.ConvNextConfig(**small, out_features=["stage1", "stage2", "stage3", "stage4"])
        config = t.UperNetConfig(backbone_config=backbone, hidden_size=32, auxiliary_channels=32)
        config.auxiliary_in_channels = 64
        return t.UperNetForSemanticSegmentation(config), (), {"pixel_values": images}
    config = getattr(t, f"{name}Config")(num_labels=_CLASSES, **options.get(name, {}))
    return getattr(t, f"{name}ForImageClassification")(config), (), {"pixel_values": images}


def _build_classic(name: str, images: Tensor) -> Built:
    classics = importlib.import_module("classic_networks")
    return getattr(classics, name)(), *classics.make_inputs(name, images)


_BUILDERS = {
    "torchvision": _build_torchvision,
    "timm": _build_timm,
    "ultralytics": _build_ultralytics,
    "smp": _build_smp,
    "monai": _build_monai,
    "transformers": _build_transformers,
    "classics": _build_classic,
}
