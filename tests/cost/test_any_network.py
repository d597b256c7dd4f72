"""Networks of all kinds: shared modules, several inputs and outputs, none called, some that raise."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks_of_all

from foveal.cost import Layer, measure_cost
from foveal.errors import FovealError, UsageError
from foveal.models import build_model


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.conv
        self.tied = nn.Conv2d(4, 4, 3, padding=1)
        self.tied.weight = self.conv.weight
        self.idle = nn.Linear(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.tied(self.again(self.conv(x)).relu() + x)
        return out


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(6, 3)
        self.pool = nn.MaxPool2d(2, return_indices=True)

    def forward(self, x: Tensor, image: Tensor) -> dict[str, Tensor]:
        pooled, indices = self.pool(image)
        return {"left": self.left(x), "pooled": pooled, "indices": indices}


class Raising(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        steps = 2 if float(x.sum()) < 1e9 else 3  # on the meta device there is no value to ask for
        for _ in range(steps):
            x = self.layer(x)
        return x


def rows(layers: tuple[Layer, ...]) -> dict[tuple[str, str], Layer]:
    return {(layer.name, layer.kind): layer for layer in layers}


def test_shared_modules_are_counted_once_and_said_to_be() -> None:
    found = measure_cost(Shared(), (4, 6, 5), latency=False)
    own = rows(found.layers)
    conv = 4 * 4 * 9 + 4
    assert own["conv", "Conv2d"].parameters == conv
    assert own["conv", "Conv2d"].calls == 2
    assert own["conv", "Conv2d"].macs == 2 * 4 * 4 * 9 * 30
    assert (own["again", "Conv2d"].parameters, own["again", "Conv2d"].calls) == (0, 0)
    assert own["again", "Conv2d"].shared_with == "conv"
    assert own["tied", "Conv2d"].parameters == 4  # its bias; the weight is conv's
    assert own["tied", "Conv2d"].shared_with == "conv"
    assert found.totals.parameters == conv + 4 + 5 * 7 + 7
    assert sum(layer.parameters for layer in found.layers) == found.totals.parameters


def test_functions_have_rows_and_idle_modules_too() -> None:
    found = measure_cost(Shared(), (4, 6, 5), latency=False)
    own = rows(found.layers)
    assert own["", "relu"].elements == {"relu": 120}
    assert own["", "add"].elements == {"add": 120}
    assert own["idle", "Linear"].calls == 0
    assert own["idle", "Linear"].parameters == 42
    assert found.markdown().count("not called") == 1


def test_several_inputs_and_outputs() -> None:
    found = measure_cost(Pair(), [(6,), (2, 8, 4)], batch_size=3, latency=False)
    own = rows(found.layers)
    assert own["pool", "MaxPool2d"].shapes == ((3, 2, 4, 2), (3, 2, 4, 2))
    assert own["", "Pair"].shapes == ((3, 3), (3, 2, 4, 2), (3, 2, 4, 2))
    assert found.totals.input_bytes == 4 * 3 * (6 + 64)
    assert found.totals.macs == 3 * 18


def test_a_network_that_looks_at_values_is_counted_on_the_device() -> None:
    found = measure_cost(Deciding(), (4,), latency=False)
    assert found.conditions.counted_on == "cpu"
    assert found.totals.macs == 2 * 16
    assert measure_cost(Shared(), (4, 6, 5), latency=False).conditions.counted_on == "meta"
    with pytest.raises(FovealError, match="Deciding cannot take"):
        measure_cost(Deciding(), (4,), device="meta", latency=False)


def state(model: nn.Module) -> list[object]:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [
        *((name, tensor.clone()) for name, tensor in model.state_dict().items()),
        *(parameter.grad for parameter in model.parameters()),
        *(tensor._version for tensor in [*model.parameters(), *model.buffers()]),
        *(module.training for module in model.modules()),
        *(list(getattr(m, hook).items()) for m in model.modules() for hook in hooks),
        torch.get_rng_state(),
        len(hooks_of_all._global_forward_hooks),
        len(hooks_of_all._global_forward_pre_hooks),
        torch.is_grad_enabled(),
    ]


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("make", [
    lambda: build_model("convnet", attention="series"),
    lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)),
])  # fmt: skip
@pytest.mark.parametrize("latency", [False, True])
def test_the_model_is_bit_for_bit_unchanged(make: Callable[[], nn.Module], latency: bool) -> None:
    model = make()
    next(iter(model.children())).eval()
    before = state(model)
    measure_cost(model, (3, 32, 32), batch_size=2, latency=latency)
    assert same(before, state(model))


def test_a_model_that_raises_is_named_and_nothing_stays() -> None:
    model = Raising()
    before = state(model)
    with pytest.raises(FovealError, match=r"Raising cannot take \(2, 3, 8, 9\): .*running_mean"):
        measure_cost(model, (3, 8, 9), batch_size=2)
    assert same(before, state(model))


def test_a_model_that_cannot_be_copied() -> None:
    class Uncopied(nn.Linear):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise TypeError("no copy of me")

    with pytest.raises(FovealError, match="cannot be copied"):
        measure_cost(Uncopied(2, 2), (2,))


@pytest.mark.parametrize(("options", "said"), [
    ({"batch_size": 0}, "batch_size"),
    ({"precision": "fp8"}, "precision"),
    ({"device": "meta", "precision": "bf16"}, "meta"),
])  # fmt: skip
def test_wrong_use(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        measure_cost(nn.Linear(2, 2), (2,), **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="input_shape"):
        measure_cost(nn.Linear(2, 2), (0, 2))


def test_frozen_parameters_keep_less() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 2))
    frozen = copy.deepcopy(model)
    frozen[0].requires_grad_(False)
    whole, less = (measure_cost(m, (6,), latency=False).totals for m in (model, frozen))
    assert whole.kept - less.kept == 4 * 6
    assert (whole.trainable, less.trainable) == (47, 12)


def test_a_model_without_values_can_be_counted() -> None:
    with torch.device("meta"):
        model = build_model("convnet", attention="series")
    found = measure_cost(model, (3, 32, 32), device="meta")
    assert found.plain is not None
    assert found.totals.macs > found.plain.totals.macs
    assert found.timings == ()
    with pytest.raises(UsageError, match="has no values"):
        measure_cost(model, (3, 32, 32))


@pytest.mark.parametrize(("norm", "passes"), [
    (nn.BatchNorm2d(4), 1),
    (nn.BatchNorm2d(4, track_running_stats=False), 2),
    (nn.InstanceNorm2d(4), 2),
])  # fmt: skip
def test_a_norm_that_takes_statistics_counts_twice(norm: nn.Module, passes: int) -> None:
    found = measure_cost(norm, (4, 3, 5), batch_size=3, latency=False).totals
    assert found.element_operations == passes * 3 * 60


def test_products_with_vectors_are_counted() -> None:
    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(5))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.weight

    assert measure_cost(Product(), (5,), batch_size=3, latency=False).totals.macs == 15
