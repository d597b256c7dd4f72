"""What every registered attention module holds to; a new one is tested by being registered."""

import copy

import pytest
import torch
from torch import Tensor, nn

from foveal.attention import available, create
from foveal.errors import UsageError

SHAPES = [(2, 32, 8, 8), (3, 16, 9, 7), (2, 5, 1, 1), (1, 24, 3, 10), (2, 3, 33, 1)]


@pytest.fixture(params=available())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def randomised(name: str, channels: int, seed: int = 0) -> nn.Module:
    """Return a gate with random parameters and statistics, so that no start value hides a fault."""
    gate = create(name, channels)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in sorted(gate.state_dict().items()):
            if value.is_floating_point():
                value.copy_(
                    torch.rand(value.shape, generator=generator) + (0.5 if "var" in key else -0.3)
                )
    return gate


def features(shape: tuple[int, ...], seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_keeps_shape(name: str, shape: tuple[int, ...]) -> None:
    gate = randomised(name, shape[1]).eval()
    assert gate(features(shape)).shape == shape


@pytest.mark.parametrize("shape", SHAPES)
def test_trains_on_any_shape(name: str, shape: tuple[int, ...]) -> None:
    if shape[0] * shape[2] * shape[3] == 1:
        pytest.skip("one value has no variance")
    gate = randomised(name, shape[1]).train()
    gate(features(shape)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in gate.parameters())


def test_one_image_in_training(name: str) -> None:
    gate = randomised(name, 8).train()
    assert gate(features((1, 8, 5, 4))).isfinite().all()


def test_channels_not_divisible_by_reduction(name: str) -> None:
    for channels in (1, 7, 17, 33):
        assert randomised(name, channels).eval()(features((2, channels, 4, 5))).isfinite().all()


def test_samples_are_independent_in_eval(name: str) -> None:
    gate, x = randomised(name, 12).eval(), features((4, 12, 6, 5))
    alone = torch.cat([gate(x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(gate(x), alone, rtol=1e-5, atol=1e-6)


def test_channels_last_is_the_same(name: str) -> None:
    gate, x = randomised(name, 12).eval(), features((2, 12, 6, 5))
    out = gate(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(out, gate(x), rtol=1e-5, atol=1e-6)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_is_close(name: str) -> None:
    gate, x = randomised(name, 12).eval(), features((2, 12, 6, 5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = gate(x.bfloat16())
    torch.testing.assert_close(low.float(), gate(x), rtol=0.05, atol=0.05)
    whole = copy.deepcopy(gate).bfloat16()(x.bfloat16())
    assert whole.dtype == torch.bfloat16
    torch.testing.assert_close(whole.float(), gate(x), rtol=0.05, atol=0.05)


def test_gradient_reaches_every_parameter(name: str) -> None:
    gate = randomised(name, 32).train()
    gate(features((4, 32, 7, 6)).requires_grad_()).pow(3).sum().backward()
    # What stands right before a batch norm in training cannot move its output by a bias.
    before_norm = {"spatial.project.bias", "channel.expand.bias"}
    dead = {
        key for key, p in gate.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-12
    }
    assert dead <= before_norm


def test_state_survives_saving(name: str) -> None:
    gate, x = randomised(name, 16).eval(), features((2, 16, 5, 6))
    fresh = create(name, 16).eval()
    fresh.load_state_dict(gate.state_dict())
    assert torch.equal(fresh(x), gate(x))


def test_weighs_and_does_not_mix(name: str) -> None:
    """A gate multiplies: where the input is zero, so is the output."""
    gate, x = randomised(name, 16).eval(), features((2, 16, 5, 6))
    x[:, ::3] = 0
    assert (gate(x)[:, ::3] == 0).all()


def test_unknown_option_lists_choices(name: str) -> None:
    with pytest.raises(UsageError, match=r"no option of attention .* 'reducton'"):
        create(name, 16, reducton=4)


@pytest.mark.parametrize("channels", [0, -1, 1.5, True])
def test_channels_are_checked(name: str, channels: object) -> None:
    with pytest.raises(UsageError, match="Parameter `channels` should be"):
        create(name, channels)  # type: ignore[arg-type]


OPTIONS = [
    ("series", {"order": "spatial-first"}),
    ("series", {"pools": "avg+max+lp+lse", "planes": "max+avg", "norm": False}),
    ("channel", {"bias": False, "reduction": 1, "gate": "hardsigmoid"}),
    ("spatial", {"kernel_size": 3}),
    ("parallel", {"branches": "cbam"}),
    ("parallel", {"dilation": 2, "reduction": 4}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_options_are_taken(name: str, options: dict[str, object]) -> None:
    gate = create(name, 8, **options)
    assert gate(features((2, 8, 6, 5))).shape == (2, 8, 6, 5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("series", {"order": "first"}),
        ("channel", {"pools": "avg+mean"}),
        ("channel", {"reduction": 0}),
        ("spatial", {"kernel_size": 4}),
        ("parallel", {"branches": "both"}),
        ("channel", {"gate": "softmax"}),
    ],
)
def test_wrong_values_are_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"Parameter `\w+` should be .* Found"):
        create(name, 8, **options)


def test_unknown_name_lists_choices() -> None:
    with pytest.raises(
        UsageError, match=r"Did you mean 'series'\? Choose from: .*channel.*spatial"
    ):
        create("serie", 8)
