"""Each module against its formula written out in numpy, and against the reference implementation."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from foveal.attention import BAM, CBAM, ChannelAttention, SpatialAttention

Array = npt.NDArray[np.float64]
FIXTURES = Path(__file__).parents[1] / "fixtures"


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def randomise(module: nn.Module) -> dict[str, Array]:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                value.copy_(
                    torch.rand(value.shape, generator=generator) + (0.5 if "var" in key else -0.4)
                )
    return {key: value.double().numpy() for key, value in module.state_dict().items()}


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def channel_logits(x: Array, w: dict[str, Array], prefix: str = "") -> Array:
    def mlp(pooled: Array) -> Array:
        hidden = pooled @ w[prefix + "reduce.weight"].T + w[prefix + "reduce.bias"]
        return np.maximum(hidden, 0) @ w[prefix + "expand.weight"].T + w[prefix + "expand.bias"]

    return (mlp(x.mean((2, 3))) + mlp(x.max((2, 3))))[:, :, None, None]


def norm(x: Array, w: dict[str, Array], prefix: str) -> Array:
    scale = w[prefix + "weight"] / np.sqrt(w[prefix + "running_var"] + 1e-5)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return (x - w[prefix + "running_mean"].reshape(shape)) * scale.reshape(shape) + w[
        prefix + "bias"
    ].reshape(shape)


def convolve(x: Array, weight: Array, *, dilation: int = 1) -> Array:
    k = weight.shape[2]
    reach = dilation * (k // 2)
    padded = np.pad(x, ((0, 0), (0, 0), (reach, reach), (reach, reach)))
    out = np.zeros((len(x), len(weight), *x.shape[2:]))
    for i in range(k):
        for j in range(k):
            rows = slice(i * dilation, i * dilation + x.shape[2])
            columns = slice(j * dilation, j * dilation + x.shape[3])
            out += np.einsum("nchw,oc->nohw", padded[:, :, rows, columns], weight[:, :, i, j])
    return out


def spatial_logits(x: Array, w: dict[str, Array], prefix: str = "") -> Array:
    planes = np.stack([x.mean(1), x.max(1)], 1)
    return norm(convolve(planes, w[prefix + "conv.weight"]), w, prefix + "norm.")


def test_channel() -> None:
    module = ChannelAttention(12, reduction=5).double().eval()
    w, x = randomise(module), features(3, 12, 5, 7)
    expected = sigmoid(channel_logits(x.numpy(), w)) * x.numpy()
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-12)


def test_spatial() -> None:
    module = SpatialAttention(12, kernel_size=5).double().eval()
    w, x = randomise(module), features(3, 12, 5, 7)
    expected = sigmoid(spatial_logits(x.numpy(), w)) * x.numpy()
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("order", ["channel-first", "spatial-first"])
def test_series(order: str) -> None:
    module = CBAM(12, reduction=3, order=order).double().eval()
    w, x = randomise(module), features(2, 12, 6, 5)
    out = x.numpy()
    steps = [(channel_logits, "channel."), (spatial_logits, "spatial.")]
    for logits, prefix in steps if order == "channel-first" else steps[::-1]:
        out = out * sigmoid(logits(out, w, prefix))
    np.testing.assert_allclose(module(x).detach().numpy(), out, rtol=1e-12)


def test_parallel() -> None:
    module = BAM(12, reduction=4, dilation=2).double().eval()
    w, x = randomise(module), features(2, 12, 9, 6)
    f = x.numpy()

    hidden = np.maximum(f.mean((2, 3)) @ w["channel.reduce.weight"].T + w["channel.reduce.bias"], 0)
    mc = norm(hidden @ w["channel.expand.weight"].T + w["channel.expand.bias"], w, "channel.norm.")

    def conv(x: Array, name: str, dilation: int = 1) -> Array:
        out = convolve(x, w[f"spatial.{name}.weight"], dilation=dilation)
        return out + w[f"spatial.{name}.bias"][:, None, None]

    ms = np.maximum(conv(f, "reduce"), 0)
    for i in range(2):
        ms = np.maximum(conv(ms, f"context.{i}", dilation=2), 0)
    ms = norm(conv(ms, "project"), w, "spatial.norm.")

    expected = f + f * sigmoid(mc[:, :, None, None] + ms)
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-12)


def test_parallel_of_the_halves_of_cbam() -> None:
    module = BAM(12, reduction=4, branches="cbam").double().eval()
    w, x = randomise(module), features(2, 12, 6, 5)
    f = x.numpy()
    logits = channel_logits(f, w, "channel.") + spatial_logits(f, w, "spatial.")
    expected = f + f * sigmoid(logits)
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("channels", "reduction"), [(64, 16), (32, 8), (512, 16), (10, 16)], ids=str
)
def test_parameters_of_cbam(channels: int, reduction: int) -> None:
    width = max(1, channels // reduction)
    expected = 2 * channels * width + width + channels + 2 * 7**2 + 2
    assert sum(p.numel() for p in CBAM(channels, reduction=reduction).parameters()) == expected


def test_parameters_of_bam() -> None:
    assert sum(p.numel() for p in BAM(256).parameters()) == 17_747


# The reference implementation of CBAM: planes [max, mean], batch norm with momentum 0.01.
KEYS = {
    "ChannelGate.mlp.1": "channel.reduce",
    "ChannelGate.mlp.3": "channel.expand",
    "SpatialGate.spatial.conv": "spatial.conv",
    "SpatialGate.spatial.bn": "spatial.norm",
}


def ours(key: str) -> str:
    module, _, leaf = key.rpartition(".")
    return f"{KEYS[module]}.{leaf}"


def reference(name: str, part: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    found = {key.removeprefix(part): value for key, value in values.items() if key.startswith(part)}
    return {ours(key): value for key, value in found.items()}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cbam_official_c64_eval", {}),
        ("cbam_official_c64_train", {}),
        ("cbam_official_pools_avg_max_lp_lse_c32", {"pools": "avg+max+lp+lse"}),
    ],
)
def test_reference_implementation(name: str, options: dict[str, str]) -> None:
    values = load_file(FIXTURES / f"{name}.safetensors")
    x = values["x"].requires_grad_()
    reduction = x.shape[1] // values["state.ChannelGate.mlp.1.bias"].numel()
    module = CBAM(
        x.shape[1],
        reduction=reduction,
        planes="max+avg",
        norm_momentum=0.01,
        **options,  # type: ignore[arg-type]
    )
    module.load_state_dict(reference(name, "state.", values))
    training = name.endswith("train")
    module.train(training)
    y = module(x)
    y.backward(values["grad_y"])

    assert x.grad is not None
    torch.testing.assert_close(y, values["y"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(x.grad, values["grad_x"], rtol=1e-5, atol=1e-5)
    gradients = reference(name, "grad.", values)
    largest = max(float(value.norm()) for value in gradients.values())
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None
        assert float((parameter.grad - gradients[key]).norm()) <= 1e-5 * largest
    for key, value in reference(name, "after.", values).items():
        torch.testing.assert_close(module.state_dict()[key], value, rtol=1e-5, atol=1e-7)
    assert training == any(key.startswith("after.") for key in values)
