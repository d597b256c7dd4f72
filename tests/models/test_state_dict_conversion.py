"""Conversion of weights of the reference implementation, timm and torchvision."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor

from foveal.attention import create
from foveal.errors import UsageError
from foveal.models import build_model, import_state, load_state

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "cbam_official_c64_eval": ("cbam-official", {}),
    "cbam_official_c64_train": ("cbam-official", {}),
    "cbam_official_pools_avg_max_lp_lse_c32": ("cbam-official", {"pools": "avg+max+lp+lse"}),
    "cbam_official_channel_only_c32_r8": ("channel", {"reduction": 8}),
    "bam_official_product_c64_eval": ("bam-official", {}),
    "bam_official_product_c64_train": ("bam-official", {}),
}


def select_prefix(values: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): v for key, v in values.items() if key.startswith(prefix)}


@pytest.mark.parametrize("name", MODULES)
def test_converts_modules_of_the_reference_implementation(name: str) -> None:
    values = load_file(FIXTURES / f"{name}.safetensors")
    attention, options = MODULES[name]
    x = values["x"].requires_grad_()
    if "lse" in name:
        width = values["state.ChannelGate.mlp.1.bias"].numel()
        options = {**options, "reduction": x.shape[1] // width}
    module = create(attention, x.shape[1], **options)
    state = import_state(select_prefix(values, "state."), "official", target=attention)
    report = load_state(module, state)
    assert report.missing == report.unexpected == report.converted == ()
    module.train(name.endswith("train"))
    y = module(x)
    y.backward(values["grad_y"])
    assert x.grad is not None
    torch.testing.assert_close(y, values["y"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(x.grad, values["grad_x"], rtol=1e-5, atol=1e-5)
    gradients = import_state(select_prefix(values, "grad."), "official", target=attention)
    largest = max(float(value.norm()) for value in gradients.values())
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None
        assert float((parameter.grad - gradients[key]).norm()) <= 1e-5 * largest
    for key, value in import_state(
        select_prefix(values, "after."), "official", target=attention
    ).items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-5, atol=1e-7)


def make_state(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    """Return weights for the keys of the fixture's network, by the rule of the fixture."""
    state = {}
    for index, key in enumerate(sorted(shapes)):
        if key.endswith("num_batches_tracked"):
            continue  # a counter, not a float
        generator = torch.Generator().manual_seed(1000 + index)
        shape = shapes[key]
        if key.endswith("running_var"):
            state[key] = torch.rand(shape, generator=generator) * 0.5 + 0.75
        elif len(shape) >= 2:
            value = torch.randn(shape, generator=generator)
            state[key] = value * math.sqrt(2 / value[0].numel())
        elif key.endswith("weight"):
            state[key] = torch.rand(shape, generator=generator) * 0.4 + 0.8
        else:
            state[key] = torch.randn(shape, generator=generator) * 0.1
    return state


def test_converts_a_network_of_the_reference_implementation() -> None:
    described = json.loads((FIXTURES / "resnet18_cbam_cifar100.json").read_text())
    values = load_file(FIXTURES / "resnet18_cbam_cifar100.safetensors")
    model = build_model("resnet18", num_classes=100, attention="cbam-official").eval()
    wrapped = {f"module.{key}": value for key, value in make_state(described["shapes"]).items()}
    load_state(model, import_state(wrapped, "official"))
    assert sum(p.numel() for p in model.parameters()) == described["params"]
    torch.testing.assert_close(model(values["x"]), values["logits"], rtol=1e-4, atol=1e-4)

    ours = build_model("resnet18", num_classes=100, attention="cbam").eval()
    report = load_state(ours, import_state(wrapped, "official", target="cbam"))
    assert len(report.converted) == 8
    assert all("input planes swapped" in line for line in report.converted)
    torch.testing.assert_close(ours(values["x"]), values["logits"], rtol=1e-4, atol=1e-4)


def test_converts_cbam_of_timm() -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("resnet18", num_classes=7, block_args={"attn_layer": "cbam"}).eval()
    ours = build_model("resnet18", num_classes=7, stem="imagenet", attention="cbam-timm").eval()
    report = load_state(ours, import_state(theirs.state_dict(), "timm"))
    assert report.missing == report.unexpected == ()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_places_bam_of_the_reference_implementation_after_its_stages() -> None:
    ours = build_model("resnet50", num_classes=7, attention="bam-official")
    gates = {
        "channel_att.gate_c.gate_c_fc_0": "channel.reduce",
        "spatial_att.gate_s.gate_s_conv_final": "spatial.project",
    }
    for stage, last in (1, 2), (2, 3), (3, 5):
        for theirs, name in gates.items():
            key = f"layer{stage}.{last}.relu3.attention.{name}.weight"
            wanted = ours.state_dict()[key] + 1
            blocks = {k: v for k, v in ours.state_dict().items() if ".attention." not in k}
            state = import_state({**blocks, f"bam{stage}.{theirs}.weight": wanted}, "official")
            assert torch.equal(state[key], wanted)


def test_loads_a_resnet_of_torchvision() -> None:
    theirs = torchvision.models.resnet18(weights=None, num_classes=7).eval()
    ours = build_model("resnet18", num_classes=7, stem="imagenet", attention="cbam").eval()
    state = import_state(theirs.state_dict(), "torchvision")
    before = {key: value.clone() for key, value in ours.state_dict().items()}
    with pytest.raises(UsageError, match=r"missing \(layer1\.0\.bn2\.attention\..*partial=True"):
        load_state(ours, state)
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in before.items())
    report = load_state(ours, state, partial=True)
    assert report.unexpected == ()
    assert all(".attention." in key for key in report.missing)
    assert "0 unexpected" in str(report)


def test_reports_keys_without_a_rule() -> None:
    model = build_model("resnet18", num_classes=7)
    state = {**model.state_dict(), "layer9.weight": torch.zeros(3)}
    with pytest.raises(UsageError, match=r"1 unexpected \(layer9\.weight\)"):
        load_state(model, import_state(state, "torchvision"))


def test_refuses_unknown_source() -> None:
    with pytest.raises(
        UsageError, match="`source` should be one of 'official', 'timm', 'torchvision'"
    ):
        import_state({}, "offical")
