"""What a network takes: examples of every form, guessed inputs, dtypes and devices, refused networks."""

# mypy: disable-error-code="no-any-return,operator,union-attr"

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foveal import insert
from foveal.attention.inserted import find_gates
from foveal.errors import UsageError
from foveal.models import Insertion
from foveal.models import insertion as insertion_module


def images(*shape: int) -> Tensor:
    return torch.randn(shape or (1, 3, 16, 12), generator=torch.Generator().manual_seed(0))


def block(fan_in: int = 3, width: int = 8) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(fan_in, width, 3), nn.BatchNorm2d(width), nn.ReLU())


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = block(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(x).mean((2, 3)))


class Siamese(Backbone):
    """Two images through one network."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Backbone()

    def forward(self, a: Tensor, b: Tensor, *, scale: float = 1.0) -> Tensor:  # type: ignore[override]
        return (self.net(a) - self.net(b)) * scale


class TakesDict(Backbone):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(batch["image"])


class TakesList(Backbone):
    def forward(self, batch: list[Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(torch.stack(batch))


class TakesPair(Backbone):
    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(pair[0] + pair[1])


class TakesKeywords(Backbone):
    def forward(self, pixels: Tensor, mask: Tensor | None = None, **_: Any) -> Tensor:  # type: ignore[override]
        return super().forward(pixels if mask is None else pixels * mask)


Pair = namedtuple("Pair", "a b")
X = images()
EXAMPLES: list[tuple[type[nn.Module], object]] = [
    (Backbone, X), (Backbone, (X,)), (Backbone, {"x": X}),
    (Siamese, (X, X)), (Siamese, [X, X]), (Siamese, {"a": X, "b": X}), (Siamese, (X, {"b": X, "scale": 2.0})),
    (TakesDict, {"image": X}), (TakesDict, ({"image": X},)), (TakesList, [X[0], X[0]]), (TakesPair, (X, X)),
    (TakesPair, Pair(X, X)), (TakesKeywords, {"pixels": X, "mask": X}), (TakesKeywords, (X, X)),
    (TakesKeywords, (X, {"mask": X})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_example_is_what_the_model_takes(kind: type[nn.Module], example: object) -> None:
    model = kind().eval()
    insertion = insert(model, "se", example=example)
    assert [site.name.removeprefix("net.") for site in insertion.sites] == ["block.2"]
    assert len(find_gates(model)) == 1


def test_a_network_on_two_images_has_one_gate_that_runs_on_both() -> None:
    model, (a, b) = Siamese().eval(), images(2, 1, 3, 16, 12)
    insertion = insert(model, "se", example=(a, b))
    inputs: list[Tensor] = []
    insertion.gates[0].register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(a, b)
    assert [len(inputs), *map(torch.is_tensor, inputs)] == [2, True, True]
    assert not torch.equal(*inputs)


def test_unfit_example_is_refused_in_a_sentence() -> None:
    for example in (images(1, 5, 9, 9), [[0.0]], images(2, 2), (X, X, X)):
        with pytest.raises(UsageError, match=r"The network does not take `example` \(\w+: "):
            insert(Backbone(), "se", example=example)


def make_classifier(channels: int, side: int, *, kind: type[nn.Module] = nn.Conv2d) -> nn.Module:
    """Return a network that takes one size only, because of its linear layer."""
    conv = kind(channels, 8, 3, padding=1)
    layers = [conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * (side // 2) ** 2, 10)]
    return nn.Sequential(*layers)


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32), (4, 64), (2, 224)])
def test_inputs_are_guessed_from_the_first_convolution(channels: int, side: int) -> None:
    (site,) = insert(make_classifier(channels, side), "se").sites
    assert (site.name, site.shape) == ("1", (1, 8, side, side))


def test_inputs_are_guessed_for_other_dtypes_and_generators() -> None:
    model = make_classifier(1, 28).double()
    insertion = insert(model, "se")
    assert next(insertion.gates[0].parameters()).dtype == torch.float64
    generator = nn.Sequential(
        nn.ConvTranspose2d(20, 8, 4), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2), nn.Tanh()
    )
    assert [site.shape for site in insert(generator, "se").sites] == [(1, 8, 4, 4)]


@pytest.mark.parametrize(
    "build", [lambda: make_classifier(1, 46), Siamese, lambda: nn.Sequential(nn.Linear(4, 4))]
)
def test_asks_for_an_example_if_no_guess_is_taken(build: Callable[[], nn.Module]) -> None:
    with pytest.raises(
        UsageError, match=r"Give `example`, what the network takes: a tensor, a tuple"
    ):
        insert(build(), "se")


def test_example_is_cast_to_the_dtype_of_the_weights() -> None:
    insertion = insert(Backbone().bfloat16(), "se", example=images())
    assert next(insertion.gates[0].parameters()).dtype == torch.bfloat16


class Mixed(nn.Module):
    """Two parts with dtypes or devices of their own, and a first parameter that is an integer."""

    def __init__(
        self, change: Callable[[nn.Module], nn.Module], move: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, dtype=torch.int8), requires_grad=False)
        self.stem, self.trunk, self.move = block(), change(block(8)), move

    def forward(self, x: Tensor) -> Tensor:
        return self.trunk(self.move(self.stem(x)))


class Autocast(Backbone):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(x)


def find_kinds(insertion: Insertion) -> list[tuple[torch.dtype, str]]:
    parameters = [next(gate.parameters()) for gate in insertion.gates]
    return [(parameter.dtype, parameter.device.type) for parameter in parameters]


def test_gates_have_dtype_and_device_of_the_map_at_their_site() -> None:
    x = images()
    mixed = insert(Mixed(lambda m: m.bfloat16(), lambda t: t.bfloat16()), "cbam", example=x)
    assert find_kinds(mixed) == [(torch.float32, "cpu"), (torch.bfloat16, "cpu")]
    moved = insert(Mixed(lambda m: m.to("meta"), lambda t: t.to("meta")), "cbam", example=x)
    assert find_kinds(moved) == [(torch.float32, "cpu"), (torch.float32, "meta")]
    assert find_kinds(insert(Autocast(), "cbam", example=x)) == [(torch.float32, "cpu")]


class FailsWithGates(Backbone):
    """A network that refuses to run once a module of it has another child."""

    def forward(self, x: Tensor) -> Tensor:
        if list(self.block[2].children()):
            raise RuntimeError("a child too many")
        return super().forward(x)


class LoopsOverChildren(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 8, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


def test_every_failure_leaves_the_network_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    for model, where, failure, error in (
        (FailsWithGates(), None, None, UsageError),
        (nn.Sequential(LoopsOverChildren(), nn.Conv2d(8, 2, 1)), "0", None, UsageError),
        (Backbone(), None, fail, KeyboardInterrupt),
    ):
        keys = list(model.state_dict())
        with monkeypatch.context() as patch:
            if failure is not None:
                patch.setattr(insertion_module, "_require_single_calls", failure)
            with pytest.raises(error):
                insert(model, "cbam", where=where, example=x)
        assert list(model.state_dict()) == keys
        hooks = [
            hook for m in model.modules() for hook in (*m._forward_hooks, *m._forward_pre_hooks)
        ]
        assert hooks == []


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.trace_method:DeprecationWarning")
def test_networks_that_cannot_be_changed_are_refused_in_a_sentence() -> None:
    lazy = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.ReLU())
    scripted = nn.Sequential(block(), torch.jit.trace(nn.Conv2d(8, 4, 1), images(1, 8, 5, 5)))  # type: ignore[no-untyped-call]
    for model, message in (
        (lazy, "'0' is a lazy module"),
        (scripted, "'1' is compiled by torch.jit"),
    ):
        with pytest.raises(UsageError, match=message):
            insert(model, "se", example=images())
    with pytest.raises(UsageError, match=r"a torch\.nn\.Module\. Found OrderedDict"):
        insert(Backbone().state_dict(), "se", example=images())  # type: ignore[arg-type]
    with torch.inference_mode(), pytest.raises(UsageError, match="Insert attention outside"):
        insert(Backbone(), "se", example=images())
    with torch.no_grad():
        lazy(images())
    assert [site.name for site in insert(lazy, "se", example=images()).sites] == ["2"]
