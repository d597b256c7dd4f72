"""Reference implementations in numpy of the layers in the formulas."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]


def randomize(module: nn.Module) -> Weights:
    """Set random weights and statistics in a module and return them."""
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


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def relu(x: Array) -> Array:
    return np.clip(x, 0, None)


def linear(x: Array, w: Weights, layer: str) -> Array:
    """Return a linear layer of (N, C), or a 1x1 convolution of (N, C, H, W)."""
    weight, bias = w[f"{layer}.weight"], w.get(f"{layer}.bias", np.zeros(()))
    if x.ndim == 2:
        return np.asarray(x @ weight.T + bias)
    return np.asarray(np.einsum("nchw,oc->nohw", x, weight[:, :, 0, 0]) + bias.reshape(-1, 1, 1))


def norm(x: Array, w: Weights, layer: str) -> Array:
    """Return a batch norm in eval mode."""
    scale = w[f"{layer}.weight"] / np.sqrt(w[f"{layer}.running_var"] + 1e-5)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    centered = x - w[f"{layer}.running_mean"].reshape(shape)
    return centered * scale.reshape(shape) + w[f"{layer}.bias"].reshape(shape)


def convolve(x: Array, weight: Array, *, dilation: int = 1) -> Array:
    """Return a convolution that keeps the size, by its definition."""
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


Axes = int | tuple[int, ...]
POOLS: dict[str, Callable[[Array, Axes], Array]] = {
    "avg": lambda x, axes: x.mean(axes),
    "max": lambda x, axes: x.max(axes),
    "amax": lambda x, axes: x.max(axes),
    "lp": lambda x, axes: np.sqrt((x**2).sum(axes)),
    "lse": lambda x, axes: np.log(np.exp(x).sum(axes)),
}


def channel_logits(x: Array, w: Weights, prefix: str = "", pools: str = "avg+max") -> Array:
    def mlp(pooled: Array) -> Array:
        return linear(relu(linear(pooled, w, prefix + "reduce")), w, prefix + "expand")

    each = np.stack([mlp(POOLS[name](x, (2, 3))) for name in pools.split("+")])
    return np.asarray(each.sum(0)[:, :, None, None])


def spatial_logits(
    x: Array, w: Weights, prefix: str = "", planes: str = "avg+max", dilation: int = 1
) -> Array:
    stacked = np.stack([POOLS[name](x, 1) for name in planes.split("+")], 1)
    out = convolve(stacked, w[prefix + "conv.weight"], dilation=dilation)
    return norm(out, w, prefix + "norm")
