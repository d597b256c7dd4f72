"""Places for gates in networks of many kinds: which modules hold them, and what is left out."""

# mypy: disable-error-code="no-any-return,operator,union-attr"

import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal import insert
from foveal.attention import available, get_entry, register, registry
from foveal.attention.cbam import CBAM
from foveal.errors import UsageError
from foveal.models import Insertion


def images(*shape: int) -> Tensor:
    return torch.randn(shape or (2, 3, 16, 20), generator=torch.Generator().manual_seed(0))


def leaky_relu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def labels(insertion: Insertion) -> list[str]:
    return [site.label for site in insertion.sites]


class ConvBlock(nn.Sequential):
    def __init__(
        self, fan_in: int, width: int, stride: int = 1, act: nn.Module | None = None
    ) -> None:
        conv = nn.Conv2d(fan_in, width, 3, stride, 1)
        super().__init__(conv, nn.BatchNorm2d(width), act or nn.ReLU())


class Residual(nn.Module):
    """A residual block whose activations are functions."""

    def __init__(self, fan_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, width, 3, stride, 1)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Conv2d(fan_in, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class Pyramid(nn.Module):
    """Two residual stages and a sum from the coarse one to the fine one, returned as a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = Residual(3, 8, 2), Residual(8, 16, 2)
        self.lateral, self.top = nn.Conv2d(8, 6, 1), nn.Conv2d(16, 6, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        fine = self.fine(x)
        coarse = self.top(self.coarse(fine))
        return {
            "fine": self.lateral(fine) + F.interpolate(coarse, scale_factor=2.0),
            "coarse": coarse,
        }


class Tutorial(nn.Module):
    """Convolutions with functional activations, as in the tutorials of PyTorch."""

    def __init__(self, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool, self.head = nn.MaxPool2d(2, 2), nn.Linear(16, 10)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.activation(self.conv1(x)))
        x = self.pool(self.activation(self.conv2(x)))
        return self.head(x.mean((2, 3)))


class PoolFirst(nn.Module):
    """Max pooling and dropout before a functional activation, as in the MNIST example of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 12, 3)
        self.drop, self.head = nn.Dropout2d(), nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.drop(self.conv2(x)), 2))
        return self.head(x.mean((2, 3)))


class Reparametrized(nn.Module):
    """A sum of convolutions and a norm of one map, as in RepVGG."""

    def __init__(self) -> None:
        super().__init__()
        self.three, self.one = nn.Conv2d(3, 3, 3, 1, 1), nn.Conv2d(3, 3, 1)
        self.norm, self.act, self.head = nn.BatchNorm2d(3), nn.ReLU(), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.three(x) + self.one(x) + self.norm(x)).mean((2, 3)))


class ScoreSum(nn.Module):
    """A sum of score maps of two resolutions, as in FCN."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = ConvBlock(3, 8, 2), ConvBlock(8, 16, 2)
        self.score_a, self.score_b = nn.Conv2d(8, 2, 1), nn.Conv2d(16, 2, 1)
        self.up = nn.ConvTranspose2d(2, 2, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        return self.score_a(a) + self.up(self.score_b(self.b(a)))


class Split(nn.Module):
    """Channel groups that are concatenated inside each stage, and a sum of two, as in C2f and Res2Net."""

    class Stage(nn.Module):
        def __init__(self, fan_in: int, width: int, act: nn.Module) -> None:
            super().__init__()
            self.down = ConvBlock(fan_in, 2 * width, 2, act)
            self.group = ConvBlock(width, width, 1, act)
            self.merge = nn.Conv2d(2 * width, width, 1)
            self.act = act

        def forward(self, x: Tensor) -> Tensor:
            first, second = self.down(x).chunk(2, 1)
            return self.act(self.merge(torch.cat([first, self.group(first) + second], 1)))

    def __init__(self) -> None:
        super().__init__()
        act = nn.SiLU()
        self.stages = nn.Sequential(*[self.Stage(i, o, act) for i, o in ((3, 4), (4, 8), (8, 8))])
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(x).mean((2, 3)))


class Permuted(nn.Module):
    """A residual block that computes in another order of axes, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 2, 2)
        self.depthwise, self.norm = nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.drop_path, self.head = nn.Identity(), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(x + self.drop_path(self.branch(x))).mean((2, 3))

    def branch(self, x: Tensor) -> Tensor:
        out = self.mlp(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        return out.permute(0, 3, 1, 2)


class PermutedAtTheEnd(Permuted):
    """The same without a module that returns the branch."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(x + self.branch(x)).mean((2, 3))


class NormFirst(nn.Module):
    """A dense block of norm - activation - convolution, as in DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(4 * k), nn.ReLU(), nn.Conv2d(4 * k, 4, 3, 1, 1))
            for k in (1, 2)
        )
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for layer in self.layers:
            maps.append(layer(torch.cat(maps, 1)))
        return self.head(torch.cat(maps, 1).mean((2, 3)))


class ShortNorm(nn.Module):
    """A residual block whose last layer is a module of a convolution, a norm and an identity, as in YOLO."""

    class Conv(nn.Module):
        def __init__(self, fan_in: int, width: int, act: nn.Module) -> None:
            super().__init__()
            self.conv, self.bn, self.act = nn.Conv2d(fan_in, width, 1), nn.BatchNorm2d(width), act

        def forward(self, x: Tensor) -> Tensor:
            return self.act(self.bn(self.conv(x)))

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = self.Conv(3, 8, nn.SiLU()), self.Conv(8, 3, nn.Identity())
        self.head = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.b(self.a(x))).mean((2, 3))


class InlineSqueeze(nn.Module):
    """A residual block with padding as a layer, and squeeze and excitation written into its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvBlock(3, 8)
        self.pad, self.conv1, self.conv2 = (
            nn.ReflectionPad2d(1),
            nn.Conv2d(8, 8, 3),
            nn.Conv2d(8, 8, 1),
        )
        self.norm, self.down, self.up = nn.InstanceNorm2d(8), nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.scores = nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        out = self.norm(self.conv2(F.relu(self.conv1(self.pad(x)))))
        factors = torch.sigmoid(self.up(F.relu(self.down(out.mean((2, 3), keepdim=True)))))
        return F.relu(self.scores(F.relu(x + out * factors))).mean((2, 3))


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class HardSwish(nn.Module):
    """An activation made of other modules."""

    def __init__(self) -> None:
        super().__init__()
        self.relu6 = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.relu6(x + 3) / 6)


def plain(act: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), act, nn.Conv2d(8, 2, 3))


class UNet(nn.Module):
    """An encoder and a decoder with transposed convolutions and skips."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = ConvBlock(3, 4), ConvBlock(4, 8, 2), ConvBlock(8, 16, 2)
        self.up2, self.up1 = nn.ConvTranspose2d(16, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)
        self.merge2, self.merge1 = ConvBlock(16, 8), ConvBlock(8, 4)
        self.scores = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        two = self.two(one)
        x = self.merge2(torch.cat([two, self.up2(self.three(two))], 1))
        return self.scores(self.merge1(torch.cat([one, self.up1(x)], 1)))


RELU = nn.ReLU()
GELU = nn.GELU()
KINDS: dict[str, tuple[Callable[[], nn.Module], str | None, list[str]]] = {
    "pyramid": (Pyramid, None, ["fine.norm2", "coarse.norm2"]),
    "functional": (Tutorial, None, ["conv1 (before ReLU)", "conv2 (before ReLU)"]),
    "leaky": (
        lambda: Tutorial(leaky_relu), None,
        ["conv1 (before LeakyReLU)", "conv2 (before LeakyReLU)"],
    ),
    "pool before activation": (PoolFirst, None, ["conv1 (before ReLU)", "conv2 (before ReLU)"]),
    "shared": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), RELU, nn.Conv2d(4, 4, 3), RELU, nn.Conv2d(4, 2, 3)), None,
        ["0 (before ReLU)", "2 (before ReLU)"],
    ),
    "shared, no ReLU": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), GELU, nn.Conv2d(4, 4, 3), GELU, nn.Conv2d(4, 2, 3)), None,
        ["2 (input)", "4 (input)"],
    ),
    "sum of convolutions": (Reparametrized, None, ["act"]),
    "sum of scores": (ScoreSum, None, ["a.2", "b.2"]),
    "channel groups": (Split, "stage", ["stages.0", "stages.1"]),
    "permuted": (Permuted, None, ["drop_path"]),
    "permuted at the end": (PermutedAtTheEnd, None, ["stem", "depthwise"]),
    "norm first": (NormFirst, None, ["stem", "layers.0.2", "layers.1.2"]),
    "activation not known": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GLU(1), nn.Conv2d(4, 2, 3)), None,
        ["1"],
    ),
    "norm in a module": (ShortNorm, None, ["b"]),
    "weighted by functions": (InlineSqueeze, None, ["norm"]),
    "weighted by functions, conv": (InlineSqueeze, "conv", ["stem.2", "conv1 (before ReLU)"]),
    "encoder and decoder": (UNet, None, ["one.2", "two.2", "three.2", "merge2.2", "merge1.2"]),
    "stages of an encoder": (UNet, "stage", ["one.2", "two.2"]),
    "scores are pooled": (
        lambda: nn.Sequential(
            ConvBlock(3, 8), nn.Conv2d(8, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ), None, ["0.2"],
    ),
    "stages without scores": (
        lambda: nn.Sequential(
            ConvBlock(3, 8), ConvBlock(8, 8, 2), nn.Conv2d(8, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        ), "stage", ["0.2"],
    ),
    "backbone without a head": (lambda: nn.Sequential(ConvBlock(3, 8), ConvBlock(8, 8)), None, ["0.2", "1.2"]),
    "generator": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(3, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1),
            nn.Tanh(),
        ), None, ["2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_gates_have_the_expected_places_and_leave_no_trace(kind: str) -> None:
    build, where, expected = KINDS[kind]
    torch.manual_seed(0)
    model, x = build().eval(), images()
    before, keys = model(x), list(model.state_dict())
    insertion = insert(model, "cbam", where=where, example=x)
    assert labels(insertion) == expected
    after = model(x)
    assert not isinstance(after, Tensor) or not torch.allclose(after, before)
    torch.testing.assert_close(pickle.loads(pickle.dumps(model))(x), after)
    insertion.remove()
    assert list(model.state_dict()) == keys
    torch.testing.assert_close(model(x), before, rtol=0, atol=0)


ACTIVATIONS = [
    nn.Tanh(), nn.SELU(), nn.CELU(), nn.RReLU(), nn.Softplus(), nn.Hardtanh(), nn.Sigmoid(), nn.PReLU(8),
    nn.Mish(), nn.Softsign(), Swish(), HardSwish(),
]  # fmt: skip


@pytest.mark.parametrize(
    "activation", ACTIVATIONS, ids=lambda activation: type(activation).__name__
)
def test_activations_end_a_block(activation: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), activation, nn.Conv2d(8, 2, 3))
    assert labels(insert(model, "se", example=images())) == ["2"]
    with pytest.raises(UsageError, match="'2' already has attention"):
        insert(model, "se", example=images())


class ScalePerChannel(nn.Module):
    """A norm with fixed statistics, which is no activation."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class OtherGate(nn.Module):
    """Attention that a network brings with it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(8, 1, 3, 1, 1), nn.BatchNorm2d(1)
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.norm(self.conv(x))) * self.squeeze(x).sigmoid()


def test_norms_and_gates_of_others_are_not_activations() -> None:
    layers = [
        nn.Conv2d(3, 8, 3),
        ScalePerChannel(),
        nn.ReLU(),
        OtherGate(),
        nn.Conv2d(8, 8, 3),
        nn.ELU(),
    ]
    model = nn.Sequential(*layers, nn.Conv2d(8, 2, 1))
    assert labels(insert(model, "se", example=images(), dry_run=True)) == ["2", "5"]


@pytest.mark.parametrize(
    "attention", [name for name in available() if get_entry(name).positive_factor]
)
@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("start", ["paper", "identity"])
def test_gate_before_the_activation_computes_what_it_computes_after_it(
    attention: str, slope: float, start: str
) -> None:
    """Check values, gradients and three steps of training against a network with activations as modules."""
    activation = nn.LeakyReLU(slope) if slope else nn.ReLU()
    networks = []
    for shares in (True, False):
        torch.manual_seed(0)
        first, second = (
            (activation, activation) if shares else (nn.LeakyReLU(slope), nn.LeakyReLU(slope))
        )
        layers = [
            nn.Conv2d(3, 8, 3),
            first,
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3),
            second,
            nn.Conv2d(8, 2, 1),
        ]
        networks.append(nn.Sequential(*layers).double())
    x = images(2, 3, 14, 12).double()
    shared, reference = (
        insert(n, attention, where="conv", start=start, example=x, seed=1) for n in networks
    )
    assert {site.negative_slope for site in shared.sites} == {slope}
    assert {site.negative_slope for site in reference.sites} == {None}
    with torch.no_grad():  # gates with the same values, not near zero
        pairs = [
            zip(a.parameters(), b.parameters(), strict=True)
            for a, b in zip(shared.gates, reference.gates, strict=True)
        ]
        for ours, theirs in (pair for group in pairs for pair in group):
            theirs.copy_(torch.rand(theirs.shape))
            ours.copy_(theirs)
    outputs = []
    for network in networks:
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            network(x).square().mean().backward()
            optimizer.step()
        outputs.append(network(x))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-9, atol=1e-9)


def test_identity_start_before_an_activation_changes_nothing_and_stays_a_gate() -> None:
    torch.manual_seed(0)
    model, x = Tutorial(leaky_relu).eval(), images()
    before = model(x)
    insertion = insert(model, "bam", start="identity", example=x)
    assert torch.equal(model(x), before)
    for weight, bound in ((-3.0, 0.0), (7.0, 1.0)):
        results = []
        for value in (weight, bound):
            for gate in insertion.gates:
                gate.weight.data.fill_(value)
            results.append(model(x))
        assert torch.equal(*results)  # the mix has positive factors whatever the weight is
    model(x).sum().backward()
    assert all(gate.weight.grad.abs() > 0 for gate in insertion.gates)


def test_modules_without_positive_factors_are_not_moved_before_an_activation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "ENTRIES", dict(registry.ENTRIES))
    register("signed", where="conv")(type("Signed", (CBAM,), {"__doc__": "CBAM."}))
    with pytest.raises(UsageError, match=r"only modules with positive factors .* where='conv2'"):
        insert(Tutorial(), "signed", where="conv", example=images())
    found = insert(Tutorial(), "signed", example=images(), dry_run=True)
    assert (found.where, labels(found)) == ("stage", ["conv2 (input)"])


@pytest.mark.parametrize("name", available())
def test_declared_factors_are_positive(name: str) -> None:
    x = images(2, 6, 5, 4)
    for values in (x, -x):
        gate = get_entry(name).factory(6, **get_entry(name).preset_options)
        assert get_entry(name).positive_factor == bool(((gate(values) * values) >= 0).all())


def test_places_that_no_module_holds_are_listed_with_a_reason() -> None:
    found = insert(Pyramid(), "cbam", example=images(), dry_run=True)
    (place,) = found.skipped
    assert "interpolate" in place.name
    assert "across resolutions" in place.reason
    assert f"left out: {place.name}: {place.reason}" in str(found).splitlines()
    assert place.reason in found._repr_html_()


class Functional(nn.Module):
    """A convolution and an activation as functions: no module holds anything."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 3, 3, 3))
        self.scores = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(F.conv2d(x, self.weight))
        return self.scores(hidden) + hidden[:, :2]


def test_error_names_a_module_of_the_network_if_nothing_is_left() -> None:
    with pytest.raises(UsageError, match=r"'gelu in the network' is a function.* where='scores'"):
        insert(Functional(), "se", where="conv", example=images())
    with pytest.raises(UsageError, match=r"permute in the network.* where='depthwise'"):
        insert(PermutedAtTheEnd(), "se", where="residual", example=images())


def test_dry_run_is_a_tree_of_the_network() -> None:
    model = Pyramid()
    lines = str(
        insert(model, "se", where="residual+conv", example=images(), dry_run=True)
    ).splitlines()
    assert lines[:4] == [
        "se at 'residual+conv'",
        "Pyramid",
        "├── fine  Residual",
        "│   ├── conv1  Conv2d",
    ]
    assert "│   ├── norm1  BatchNorm2d  <- se (before ReLU), 8 x 8 x 10" in lines
    assert "│   ├── norm2  BatchNorm2d  <- se, 8 x 8 x 10" in lines
    assert "├── lateral  Conv2d" in lines
    assert not any("attention" in name for name, _ in model.named_modules())


@pytest.mark.parametrize(
    "order", [("residual", "stage"), ("stage", "residual"), ("conv", "residual+stage")]
)
def test_second_insertions_at_other_places_work_in_any_order(order: tuple[str, str]) -> None:
    torch.manual_seed(0)
    layers = [Residual(3, 8, 2), Residual(8, 8, 1), Residual(8, 16, 2), nn.Conv2d(16, 2, 1)]
    model, x = nn.Sequential(*layers).eval(), images()
    before = model(x)
    alone = {
        where: labels(insert(model, "se", where=where, example=x, dry_run=True)) for where in order
    }
    insertions = [insert(model, "se", where=where, example=x) for where in order]
    assert [labels(insertion) for insertion in insertions] == list(alone.values())
    insertions[0].remove()
    insertions[1].remove()
    assert torch.equal(model(x), before)


def test_second_insertion_at_the_same_places_is_refused_whatever_they_are_called() -> None:
    model, x = nn.Sequential(ConvBlock(3, 4), ConvBlock(4, 8, 2), ConvBlock(8, 8, 2)), images()
    insert(model, "se", where="conv", example=x)
    for where in ("stage", "conv", "0.2"):
        with pytest.raises(UsageError, match=r"'0\.2' already has attention"):
            insert(model, "bam", where=where, example=x)


def test_lists_of_places() -> None:
    model = nn.Sequential(ConvBlock(3, 4), ConvBlock(4, 8), nn.Conv2d(8, 2, 1))
    found = insert(
        model, "se", where=["0.?", lambda name, _: name == "1.1"], example=images(), dry_run=True
    )
    assert labels(found) == ["0.0", "0.1", "0.2", "1.1"]
    with pytest.raises(UsageError, match="Parameter `where` should be"):
        insert(model, "se", where=[], example=images())


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_network_with_a_shared_module_is_exported() -> None:
    torch.manual_seed(0)
    model, x = KINDS["shared, no ReLU"][0]().eval(), images()
    insert(model, "se", example=x)
    program = torch.export.export(model, (x,))
    torch.testing.assert_close(program.module()(x), model(x))
