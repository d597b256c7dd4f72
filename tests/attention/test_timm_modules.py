"""timm as a reference for shared modules and as a source of further modules."""

import sys

import pytest
import torch
from torch import Tensor, nn

from foveal.attention import available, create, get_entry
from foveal.errors import UsageError

# Name in timm of each of our modules.
CBAM = {
    "channel.reduce": "channel.fc1",
    "channel.expand": "channel.fc2",
    "spatial.conv": "spatial.conv.conv",
    "spatial.norm": "spatial.conv.bn",
}
SE = {"reduce": "fc1", "expand": "fc2"}
COORDINATE = {"reduce": "conv1", "norm": "bn1", "rows": "conv_h", "columns": "conv_w"}


def copy_weights(ours: nn.Module, theirs: nn.Module, names: dict[str, str]) -> None:
    """Set the same random weights in both modules; biases without a counterpart in timm are 0."""
    state = ours.state_dict()
    timm_state = theirs.state_dict()
    for key, value in state.items():
        module, _, leaf = key.rpartition(".")
        if value.is_floating_point():
            name = f"{names[module]}.{leaf}"
            state[key] = torch.rand_like(value) if name in timm_state else torch.zeros_like(value)
            if name in timm_state:
                timm_state[name] = state[key].reshape(timm_state[name].shape)
    ours.load_state_dict(state)
    theirs.load_state_dict(timm_state)


def run_with_gradient(gate: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output and the gradient of the input."""
    x = x.clone().requires_grad_()
    y = gate(x)
    y.square().sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad


def assert_equal_outputs(ours: nn.Module, theirs: nn.Module, channels: int) -> None:
    """Compare outputs for rectified maps, in which many maxima are equal."""
    x = torch.randn(3, channels, 6, 5).relu()
    for training in False, True:
        results = [run_with_gradient(gate.train(training), x) for gate in (ours, theirs)]
        for actual, expected in zip(*results, strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [5, 24, 40, 64])
def test_cbam_timm_equals_timm(channels: int) -> None:
    torch.manual_seed(channels)
    ours, theirs = create("cbam-timm", channels), create("timm/cbam", channels)
    assert type(theirs).__name__ == "CbamModule"
    copy_weights(ours, theirs, CBAM)
    assert_equal_outputs(ours, theirs, channels)
    momentum = theirs.get_submodule("spatial.conv.bn").momentum
    assert ours.get_submodule("spatial.norm").momentum == momentum
    mine, other = (sum(p.numel() for p in gate.parameters()) for gate in (ours, theirs))
    assert mine == other


def test_se_equals_timm() -> None:
    torch.manual_seed(0)
    ours, theirs = create("se", 32, bias=True), create("timm/se", 32, rd_divisor=1)
    copy_weights(ours, theirs, SE)
    assert_equal_outputs(ours, theirs, 32)


@pytest.mark.parametrize("channels", [8, 64, 100, 256])
def test_eca_equals_timm(channels: int) -> None:
    torch.manual_seed(0)
    ours, theirs = create("eca", channels), create("timm/eca", channels)
    copy_weights(ours, theirs, {"conv": "conv"})
    assert_equal_outputs(ours, theirs, channels)


def test_coordinate_equals_timm() -> None:
    torch.manual_seed(0)
    ours, theirs = create("coordinate", 32), create("timm/coord", 32, rd_channels=8)
    copy_weights(ours, theirs, COORDINATE)
    assert_equal_outputs(ours, theirs, 32)


def test_creates_timm_modules_by_prefixed_name() -> None:
    assert not any(name.startswith("timm") for name in available())
    assert type(create("timm/ese", 16)).__name__ == "EffectiveSEModule"
    assert get_entry("timm/se").where == "residual"
    assert get_entry("timm/se").options["rd_ratio"] == 1 / 16


def test_refuses_names_that_timm_does_not_have() -> None:
    for name in "timm/see", "timm/":
        with pytest.raises(UsageError, match="timm has no attention module"):
            create(name, 16)


def test_refuses_unknown_options_of_timm() -> None:
    with pytest.raises(UsageError, match=r"no option of attention 'timm/se' 'rd_ration'.*rd_ratio"):
        create("timm/se", 16, rd_ration=0.5)
    # timm's own signature ignores unknown options: def __init__(self, channels, ..., **_).
    with pytest.raises(UsageError, match=r"no option of attention 'timm/ese' 'reduction'"):
        create("timm/ese", 16, reduction=4)
    assert "_" not in get_entry("timm/ese").options
    with pytest.raises(UsageError, match="timm cannot create 'eca'"):
        create("timm/eca", None, kernel_size=2)  # type: ignore[arg-type]


def test_missing_timm_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm.layers", None)  # the mark of Python for a missing module
    with pytest.raises(UsageError, match=r'`timm` cannot be imported.*pip install "timm"'):
        create("timm/se", 16)
