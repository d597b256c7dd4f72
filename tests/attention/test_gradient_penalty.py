"""A Wasserstein critic with a gradient penalty, gated by each attention module, trains as in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from foveal import kernels
from foveal.attention import available, create
from foveal.kernels import unavailable_reason

STEPS = 2


class Critic(nn.Module):
    """A critic of images (N, 3, H, W) with two gates, so that the second one sees the output of the first."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.2), create(name, 8),
            nn.Conv2d(8, 8, 3, padding=1), nn.LeakyReLU(0.2), create(name, 8),
            nn.Flatten(), nn.Linear(8 * size, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.layers(x)
        return score


def compute_gradient_penalty(critic: nn.Module, images: Tensor) -> Tensor:
    """Return the mean of (|d critic / d image| - 1)^2 over images: Gulrajani et al. 2017, equation 3."""
    images = images.detach().requires_grad_()
    (grad,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    penalty: Tensor = (grad.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def train_critic(
    name: str, memory_format: torch.memory_format, dtype: torch.dtype, *, native: bool
) -> list[tuple[Tensor, Tensor]]:
    """Train for two steps; return gradient penalty and parameter gradients of each."""
    torch.manual_seed(0)
    critic = Critic(name, 7 * 6)
    real, fake = (torch.randn(STEPS, 4, 3, 7, 6) for _ in range(2))
    mix = torch.rand(STEPS, 4, 1, 1, 1)
    mixed = mix * real + (1 - mix) * fake
    critic.to(dtype)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.01)
    history: list[tuple[Tensor, Tensor]] = []
    with kernels.use("native" if native else "plain"):
        for step in range(STEPS):
            batch = [
                images[step].to(dtype).contiguous(memory_format=memory_format)
                for images in (real, fake, mixed)
            ]
            penalty = compute_gradient_penalty(critic, batch[2])
            loss = critic(batch[1]).mean() - critic(batch[0]).mean() + 10 * penalty
            optimizer.zero_grad()
            loss.backward()
            grads = torch.cat([p.grad.flatten() for p in critic.parameters() if p.grad is not None])
            history.append((penalty.detach().double(), grads.double()))
            optimizer.step()
    return history


@pytest.mark.skipif(unavailable_reason() is not None, reason="no native kernels")
@pytest.mark.parametrize(
    "memory_format",
    [torch.contiguous_format, torch.channels_last],
    ids=["contiguous", "channels_last"],
)
@pytest.mark.parametrize("name", available())
def test_critic_trains_as_with_plain_operations_in_float64(
    name: str, memory_format: torch.memory_format
) -> None:
    expected = train_critic(name, memory_format, torch.float64, native=False)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        actual = train_critic(name, memory_format, dtype, native=True)
        for (penalty, grads), (exact_penalty, exact_grads) in zip(actual, expected, strict=True):
            assert (penalty - exact_penalty).abs() <= tolerance * exact_penalty
            assert (grads - exact_grads).norm() <= tolerance * exact_grads.norm()
        assert actual[0][0] != actual[1][0]
