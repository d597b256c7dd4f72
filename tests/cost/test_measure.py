"""Measurement of unusual networks: shared modules, several inputs, values in the forward pass, errors."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from foveal.attention import ChannelAttention
from foveal.cost import Layer, compare_costs, measure_cost
from foveal.errors import FovealError, UsageError
from foveal.models import build_model


class SharedModules(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.conv
        self.tied = nn.Conv2d(4, 4, 3, padding=1)
        self.tied.weight = self.conv.weight
        self.unused = nn.Linear(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.tied(self.again(self.conv(x)).relu() + x)
        return out


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(6, 3)
        self.pool = nn.MaxPool2d(2, return_indices=True)

    def forward(self, x: Tensor, image: Tensor) -> dict[str, Tensor]:
        pooled, indices = self.pool(image)
        return {"left": self.left(x), "pooled": pooled, "indices": indices}


class WrongChannels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out


class DependsOnValues(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        steps = 2 if float(x.sum()) < 1e9 else 3  # a tensor on the meta device has no value
        for _ in range(steps):
            x = self.layer(x)
        return x


def index_layers(layers: tuple[Layer, ...]) -> dict[tuple[str, str], Layer]:
    return {(layer.name, layer.kind): layer for layer in layers}


def test_counts_shared_modules_once() -> None:
    report = measure_cost(SharedModules(), (4, 6, 5), latency=False)
    layers = index_layers(report.layers)
    parameters = 4 * 4 * 9 + 4
    assert layers["conv", "Conv2d"].parameters == parameters
    assert layers["conv", "Conv2d"].calls == 2
    assert layers["conv", "Conv2d"].macs == 2 * 4 * 4 * 9 * 30
    assert (layers["again", "Conv2d"].parameters, layers["again", "Conv2d"].calls) == (0, 0)
    assert layers["again", "Conv2d"].shared_with == "conv"
    assert layers["tied", "Conv2d"].parameters == 4  # its bias; the weight is that of conv
    assert layers["tied", "Conv2d"].shared_with == "conv"
    assert report.totals.parameters == parameters + 4 + 5 * 7 + 7
    assert sum(layer.parameters for layer in report.layers) == report.totals.parameters


def test_functions_and_unused_modules_have_rows() -> None:
    report = measure_cost(SharedModules(), (4, 6, 5), latency=False)
    layers = index_layers(report.layers)
    assert layers["", "relu"].elements == {"relu": 120}
    assert layers["", "add"].elements == {"add": 120}
    assert layers["unused", "Linear"].calls == 0
    assert layers["unused", "Linear"].parameters == 42
    assert report.to_markdown().count("not called") == 1


def test_module_called_with_several_sizes() -> None:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv2d(2, 3, 1)

        def forward(self, x: Tensor) -> list[Tensor]:
            return [self.head(x[..., ::step, ::step]) for step in (1, 2, 4)]

    report = measure_cost(Pyramid(), (2, 8, 8), latency=False)
    assert report.totals.output_bytes == 4 * 3 * (64 + 16 + 4)
    assert index_layers(report.layers)["head", "Conv2d"].calls == 3


def test_several_inputs_and_outputs() -> None:
    report = measure_cost(TwoInputs(), [(6,), (2, 8, 4)], batch_size=3, latency=False)
    layers = index_layers(report.layers)
    assert layers["pool", "MaxPool2d"].shapes == ((3, 2, 4, 2), (3, 2, 4, 2))
    assert layers["", "TwoInputs"].shapes == ((3, 3), (3, 2, 4, 2), (3, 2, 4, 2))
    assert report.totals.input_bytes == 4 * 3 * (6 + 64)
    assert report.totals.macs == 3 * 18


def test_network_that_needs_values_is_counted_on_the_device() -> None:
    report = measure_cost(DependsOnValues(), (4,), latency=False)
    assert report.conditions.counted_on == "cpu"
    assert report.totals.macs == 2 * 16
    shared = measure_cost(SharedModules(), (4, 6, 5), latency=False)
    assert shared.conditions.counted_on == "meta"
    with pytest.raises(FovealError, match="DependsOnValues cannot take"):
        measure_cost(DependsOnValues(), (4,), device="meta", latency=False)


def test_other_dtypes_and_dimensions() -> None:
    model = nn.Sequential(nn.Conv3d(2, 3, 2), nn.ReLU())
    report = measure_cost(model, (2, 3, 4, 5))
    assert report.totals.macs == 2 * 3 * 8 * (2 * 3 * 4)
    assert len(report.timings) == 2
    double = measure_cost(model.double(), (2, 3, 4, 5), latency=False)
    assert double.totals.saved_bytes == 2 * report.totals.saved_bytes


def capture_state(model: nn.Module) -> list[object]:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [
        *((name, tensor.clone()) for name, tensor in model.state_dict().items()),
        *(parameter.grad for parameter in model.parameters()),
        *(tensor._version for tensor in [*model.parameters(), *model.buffers()]),
        *(module.training for module in model.modules()),
        *(list(getattr(m, hook).items()) for m in model.modules() for hook in hooks),
        torch.get_rng_state(),
        *(
            len(value)
            for name, value in vars(torch_module).items()
            if name.startswith("_global_") and isinstance(value, dict)
        ),
        torch.is_grad_enabled(),
    ]


def is_equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(is_equal, a, b))
    return a == b


@pytest.mark.parametrize("make", [
    lambda: build_model("convnet", attention="cbam"),
    lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)),
])  # fmt: skip
@pytest.mark.parametrize("latency", [False, True])
def test_model_is_unchanged_bit_for_bit(make: Callable[[], nn.Module], latency: bool) -> None:
    model = make()
    next(iter(model.children())).eval()
    before = capture_state(model)
    measure_cost(model, (3, 32, 32), batch_size=2, latency=latency)
    assert is_equal(before, capture_state(model))


def test_error_names_the_model_and_leaves_it_unchanged() -> None:
    model = WrongChannels()
    before = capture_state(model)
    with pytest.raises(
        FovealError, match=r"WrongChannels cannot take \(2, 3, 8, 9\): .*running_mean"
    ):
        measure_cost(model, (3, 8, 9), batch_size=2)
    assert is_equal(before, capture_state(model))


def test_generators_of_python_and_numpy_are_unchanged() -> None:
    class Random(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            scale = random.random() + np.random.rand()  # noqa: NPY002
            return super().forward(input) * scale

    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    measure_cost(Random(2, 2), (2,))
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


def test_modes_of_the_caller_have_no_effect() -> None:
    model = build_model("convnet")
    totals = measure_cost(model, (3, 32, 32), latency=False).totals
    with torch.inference_mode():
        assert measure_cost(model, (3, 32, 32), latency=False).totals == totals
    with torch.no_grad():
        assert measure_cost(model, (3, 32, 32)).totals == totals


def test_model_may_store_a_result_with_a_graph() -> None:
    class StoresOutput(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            self.last = super().forward(input)
            return self.last

    model = StoresOutput(2, 3)
    model(torch.zeros(1, 2))
    assert measure_cost(model, (2,), latency=False).totals.macs == 6
    assert model.last.grad_fn is not None


def test_model_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = build_model("convnet", attention="cbam")
    report = measure_cost(model, (3, 32, 32), device="meta")
    assert report.baseline is not None
    assert report.totals.macs > report.baseline.totals.macs
    assert report.timings == ()
    with pytest.raises(UsageError, match="has no values"):
        measure_cost(model, (3, 32, 32))


def test_network_that_fails_without_its_gate() -> None:
    class ReadsGate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = ChannelAttention(8)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.gate(x) * len(self.gate.pools)
            return out

    with pytest.raises(FovealError, match=r"Without its gates ReadsGate .*compare_costs"):
        measure_cost(ReadsGate(), (8, 5, 6), latency=False)
    assert compare_costs({"model": ReadsGate()}, (8, 5, 6), latency=False)


def test_refuses_model_that_cannot_be_copied() -> None:
    class Uncopied(nn.Linear):
        def __deepcopy__(self, memo: object) -> nn.Module:
            raise TypeError("no copy of me")

    with pytest.raises(FovealError, match="cannot be copied"):
        measure_cost(Uncopied(2, 2), (2,))


@pytest.mark.parametrize(("options", "message"), [
    ({"batch_size": 0}, "batch_size"),
    ({"precision": "fp8"}, "precision"),
    ({"device": "meta", "precision": "bf16"}, "meta"),
])  # fmt: skip
def test_refuses_wrong_parameters(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure_cost(nn.Linear(2, 2), (2,), **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="input_shape"):
        measure_cost(nn.Linear(2, 2), (0, 2))


def test_batch_norm_over_one_value_suggests_a_larger_batch() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with pytest.raises(FovealError, match="`batch_size` of at least 2"):
        measure_cost(model, (2,), latency=False)
    assert measure_cost(model, (2,), batch_size=2, latency=False).totals.macs == 12


def test_refuses_to_time_a_training_step_without_gradient() -> None:
    class Index(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            return super().forward(input).argmax(1)

    assert measure_cost(Index(2, 3), (2,), latency=False).totals.saved_bytes == 0
    with pytest.raises(UsageError, match="`latency` should be false"):
        measure_cost(Index(2, 3), (2,))
