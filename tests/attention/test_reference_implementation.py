"""Presets against values from the authors' own code: outputs, gradients, running statistics."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from foveal.attention import create

FIXTURES = Path(__file__).parents[1] / "fixtures"
# What each module is called there, and here.
KEYS = {
    "ChannelGate.mlp.1": "channel.reduce",
    "ChannelGate.mlp.3": "channel.expand",
    "SpatialGate.spatial.conv": "spatial.conv",
    "SpatialGate.spatial.bn": "spatial.norm",
    "channel_att.gate_c.gate_c_fc_0": "channel.reduce",
    "channel_att.gate_c.gate_c_bn_1": "channel.norm",
    "channel_att.gate_c.gate_c_fc_final": "channel.expand",
    "spatial_att.gate_s.gate_s_conv_reduce0": "spatial.reduce",
    "spatial_att.gate_s.gate_s_bn_reduce0": "spatial.norms.0",
    "spatial_att.gate_s.gate_s_conv_di_0": "spatial.context.0",
    "spatial_att.gate_s.gate_s_bn_di_0": "spatial.norms.1",
    "spatial_att.gate_s.gate_s_conv_di_1": "spatial.context.1",
    "spatial_att.gate_s.gate_s_bn_di_1": "spatial.norms.2",
    "spatial_att.gate_s.gate_s_conv_final": "spatial.project",
}
MODULES: dict[str, tuple[str, dict[str, object]]] = {
    "cbam_official_c64_eval": ("cbam-official", {}),
    "cbam_official_c64_train": ("cbam-official", {}),
    "cbam_official_pools_avg_max_lp_lse_c32": (
        "cbam-official",
        {"pools": "avg+max+lp+lse", "reduction": 8},
    ),
    "cbam_official_channel_only_c32_r8": ("channel", {"reduction": 8}),
    "bam_official_product_c64_eval": ("bam-official", {}),
    "bam_official_product_c64_train": ("bam-official", {}),
}


def part(values: dict[str, Tensor], prefix: str, preset: str) -> dict[str, Tensor]:
    """Return the values under `prefix` by our keys for `preset`."""
    found = {}
    for key, value in values.items():
        if key.startswith(prefix):
            module, _, leaf = key.removeprefix(prefix).rpartition(".")
            found[f"{KEYS[module]}.{leaf}".removeprefix(f"{preset}.")] = value
    return found


def assert_close(found: Tensor | None, expected: Tensor) -> None:
    """Hold that two tensors differ nowhere by more than 1e-5 of the largest value."""
    assert found is not None
    assert float((found.detach() - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize("name", MODULES)
def test_preset_equals_the_reference_implementation(name: str) -> None:
    values = load_file(FIXTURES / f"{name}.safetensors")
    preset, options = MODULES[name]
    gate = create(preset, values["x"].shape[1], **options).train(name.endswith("train"))
    gate.load_state_dict(part(values, "state.", preset))
    x = values["x"].requires_grad_()
    y = gate(x)
    y.backward(values["grad_y"])

    assert_close(y, values["y"])
    assert_close(x.grad, values["grad_x"])
    gradients = part(values, "grad.", preset)
    # Biases in front of a batch norm have a true gradient of zero, so the largest norm is the yardstick.
    largest = max(float(value.norm()) for value in gradients.values())
    for key, parameter in gate.named_parameters():
        assert parameter.grad is not None
        assert float((parameter.grad - gradients[key]).norm()) <= 1e-5 * largest, key
    statistics = part(values, "after.", preset)
    for key, value in statistics.items():
        assert_close(gate.state_dict()[key], value)
    assert bool(statistics) == name.endswith("train")


def test_every_module_of_the_fixtures_is_tested() -> None:
    files = {path.stem for path in FIXTURES.glob("*_official_*.safetensors")}
    assert files == set(MODULES)
