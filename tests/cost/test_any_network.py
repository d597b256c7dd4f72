"""Networks of all kinds: shared modules, several inputs and outputs, none called, some that raise."""

import copy
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks_of_all

from foveal.attention import CBAM, ChannelAttention
from foveal.cost import Layer, compare_costs, measure_cost
from foveal.cost.attribution import FrameTracker
from foveal.cost.profiling import record_saved_tensors
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
    assert found.to_markdown().count("not called") == 1


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
        *(
            len(found)
            for name, found in vars(hooks_of_all).items()
            if name.startswith("_global_") and isinstance(found, dict)
        ),
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


def test_a_network_that_works_with_its_gate_has_no_baseline() -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = ChannelAttention(8)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.gate(x) * len(self.gate.pools)
            return out

    with pytest.raises(FovealError, match=r"Without its gates Reading .*compare_costs"):
        measure_cost(Reading(), (8, 5, 6), latency=False)
    assert compare_costs({"model": Reading()}, (8, 5, 6), latency=False)


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
    assert whole.saved_bytes - less.saved_bytes == 4 * 6
    assert (whole.trainable, less.trainable) == (47, 12)


def test_a_model_without_values_can_be_counted() -> None:
    with torch.device("meta"):
        model = build_model("convnet", attention="series")
    found = measure_cost(model, (3, 32, 32), device="meta")
    assert found.baseline is not None
    assert found.totals.macs > found.baseline.totals.macs
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


def test_a_layer_shared_by_several_sizes_gives_all_their_numbers() -> None:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(2, 3, 1)

        def forward(self, x: Tensor) -> list[Tensor]:
            return [self.head(x[..., ::step, ::step]) for step in (1, 2, 4)]

    found = measure_cost(Pyramid(), (2, 8, 8), latency=False)
    assert found.totals.output_bytes == 4 * 3 * (64 + 16 + 4)
    assert rows(found.layers)["head", "Conv2d"].calls == 3


def test_attention_by_heads_keeps_what_the_device_keeps() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(8, 24)

        def forward(self, x: Tensor) -> Tensor:
            q, k, v = self.project(x).chunk(3, -1)
            return nn.functional.scaled_dot_product_attention(q, k, v)

    found = measure_cost(Heads(), (2, 64, 8), latency=False).totals
    scores = 4 * 2 * 64 * 64
    assert found.saved_bytes < scores  # the kernel of a CPU never writes the matrix of scores down
    assert found.macs == 2 * 64 * 8 * 24 + 2 * (2 * 64 * 64 * 8)


def test_one_gate_at_two_places() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3)
            self.gate = CBAM(8)
            self.again = self.gate
            self.last = nn.Conv2d(8, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.again(self.last(self.gate(self.first(x))))
            return out

    found = measure_cost(Twice(), (3, 9, 11), latency=False)
    assert found.baseline is not None
    assert found.baseline.totals.parameters == 3 * 8 * 9 + 8 + 8 * 8 * 9 + 8
    (site,) = found.sites
    assert site.saved_bytes == found.totals.saved_bytes - found.baseline.totals.saved_bytes


def test_no_mode_of_the_caller_gets_in_the_way() -> None:
    model = build_model("convnet")
    outside = measure_cost(model, (3, 32, 32), latency=False).totals
    with torch.inference_mode():
        assert measure_cost(model, (3, 32, 32), latency=False).totals == outside
    with torch.no_grad():
        assert measure_cost(model, (3, 32, 32)).totals == outside


def test_other_dtypes_and_dimensions() -> None:
    model = nn.Sequential(nn.Conv3d(2, 3, 2), nn.ReLU())
    found = measure_cost(model, (2, 3, 4, 5))
    assert found.totals.macs == 2 * 3 * 8 * (2 * 3 * 4)
    assert len(found.timings) == 2
    double = measure_cost(model.double(), (2, 3, 4, 5), latency=False).totals
    assert double.saved_bytes == 2 * found.totals.saved_bytes


def test_a_layer_that_draws_by_other_generators() -> None:
    class Dropping(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            scale = random.random() + np.random.rand()  # noqa: NPY002
            return super().forward(input) * scale

    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    measure_cost(Dropping(2, 2), (2,))
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


def test_a_result_that_was_put_by_is_no_hindrance() -> None:
    class Keeping(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            self.last = super().forward(input)
            return self.last

    model = Keeping(2, 3)
    model(torch.zeros(1, 2))
    assert measure_cost(model, (2,), latency=False).totals.macs == 6
    assert model.last.grad_fn is not None


def test_a_norm_over_one_value_says_what_to_do() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with pytest.raises(FovealError, match="`batch_size` of at least 2"):
        measure_cost(model, (2,), latency=False)
    assert measure_cost(model, (2,), batch_size=2, latency=False).totals.macs == 12


def test_no_gradient_no_training_step_to_time() -> None:
    class Index(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            return super().forward(input).argmax(1)

    assert measure_cost(Index(2, 3), (2,), latency=False).totals.saved_bytes == 0
    with pytest.raises(UsageError, match="`latency` should be false"):
        measure_cost(Index(2, 3), (2,))


def test_nothing_of_the_graph_stays() -> None:
    model = nn.Sequential(
        nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 2)
    )  # a sigmoid saves its output
    frames = FrameTracker(model)
    with frames.track(), record_saved_tensors(model, frames) as log:
        output = model(torch.zeros(3, 4))
        assert sum(one.size for one in log.list_storages().values()) == 4 * 3 * (4 + 8)
    del output
    assert log.list_storages() == {}
