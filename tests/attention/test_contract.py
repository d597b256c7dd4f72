"""Contract of every registered attention module; registration suffices to test a new one."""

import json

import pytest
import torch
from torch import Tensor, nn

from attention.gate_contract import (
    CHECKS,
    HAS_COMPILER,
    Check,
    compiles,
    exports,
    features,
    randomized,
)
from foveal.attention import Gate, available, capture_maps, create, get_entry, register, registry
from foveal.cli import main
from foveal.errors import UsageError
from foveal.validation import require_positive_int

# torch 2.13 warns about its own use of deprecated features in torch.onnx and inductor.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec, LeafSpec\):FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning"),
    # In a trace, the number of positions in SimAM is a constant.
    pytest.mark.filterwarnings("ignore:Converting a tensor to a Python boolean"),
]


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Check, name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", available())
def test_compiles(name: str) -> None:
    compiles(name)


def test_exports() -> None:
    exports(*available())


@pytest.mark.skipif(not HAS_COMPILER, reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("name", ["cbam", "bam"])
def test_inductor(name: str) -> None:
    torch._dynamo.reset()
    gate, x = randomized(name, 12).eval(), features(2, 12, 6, 5)
    torch.testing.assert_close(torch.compile(gate)(x), gate(x), rtol=1e-5, atol=1e-6)


class Brightness(Gate):
    """Weight each image by its mean.

    M(F) = sigma(a mean(F)), F' = M(F) (x) F
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        require_positive_int("channels", channels)
        self.a = nn.Parameter(torch.ones(()))

    def logits(self, x: Tensor) -> Tensor:
        return self.a * x.mean((1, 2, 3), keepdim=True)


class Mixing(Brightness):
    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.mean(0, keepdim=True).expand_as(x)


def test_newly_registered_module_is_listed_and_meets_the_contract(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(registry, "ENTRIES", dict(registry.ENTRIES))
        register("brightness", where="conv")(Brightness)
        assert "brightness" in available()
        for check in (*CHECKS, compiles, exports):
            check("brightness")
        assert main(["list", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)["attention"]["brightness"]
        assert listed == {
            "summary": "Weight each image by its mean.",
            "where": "conv",
            "options": {},
            "aliases": [],
            "preset_of": None,
        }
    assert "brightness" not in available()


def test_contract_detects_a_module_that_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ENTRIES", dict(registry.ENTRIES))
    register("mixing", where="conv")(Mixing)
    broken = set()
    for check in CHECKS:
        try:
            check("mixing")
        except AssertionError:
            broken.add(check.__name__)
    assert {"images_are_independent_in_eval_mode", "maps_multiply_the_input"} <= broken
    assert "weights_restore_the_output" not in broken


def test_presets_document_every_changed_option() -> None:
    for name in available():
        found = get_entry(name)
        assert all(all(row) and len(row) == 3 for row in found.deviations)
        if found.preset_of:
            changed = {
                k
                for k, v in found.preset_options.items()
                if get_entry(found.preset_of).options[k] != v
            }
            assert bool(changed) == bool(found.deviations)
            assert changed == set(found.preset_options)


def test_output_has_the_dtype_of_the_input() -> None:
    class Wide(Gate):
        def attention_map(self, x: Tensor) -> Tensor:
            return x.float().sigmoid()  # as autocast on a GPU does for sums

    x = features(2, 3, 5, 4).bfloat16()
    assert Wide()(x).dtype == torch.bfloat16


def test_captures_maps_of_nested_gates_by_name() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), create("cbam", 8), create("bam", 8))
    keys = list(network.state_dict())
    with capture_maps(network) as maps:
        assert maps == {}
        network(features(2, 3, 9, 8))
        first = dict(maps)
        network(features(4, 3, 9, 8))
    shapes = {name: tuple(values.shape) for name, values in maps.items()}
    assert shapes == {"1.channel": (4, 8, 1, 1), "1.spatial": (4, 1, 7, 6), "2": (4, 8, 7, 6)}
    assert len(first["2"]) == 2
    assert list(network.state_dict()) == keys


def test_refuses_to_capture_maps_of_a_compiled_model() -> None:
    gate = create("cbam", 8)
    wrapped = torch.compile(gate)
    assert isinstance(wrapped, nn.Module)
    gate.compile()
    for compiled in wrapped, gate:
        with pytest.raises(UsageError, match=r"before torch\.compile"), capture_maps(compiled):
            pass


OPTIONS: list[tuple[str, dict[str, object]]] = [
    ("cbam", {"order": "spatial-first", "dilation": 2}),
    ("cbam", {"pools": "avg+max+lp+lse", "planes": "max+avg", "norm": False}),
    ("channel", {"bias": False, "reduction": 1, "gate": "hardsigmoid"}),
    ("spatial", {"kernel_size": 3}),
    ("bam", {"branches": "cbam", "pools": "max", "kernel_size": 3, "dilation": 2}),
    ("bam", {"dilation": 2, "reduction": 4, "kernel_size": 5, "pools": "avg+lse"}),
    ("bam", {"combine": "max", "norm": "hidden", "bias": False, "gate": "hardsigmoid"}),
    ("bam", {"norm": "hidden", "pools": "avg+max"}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_accepts_options(name: str, options: dict[str, object]) -> None:
    gate = create(name, 8, **options)
    assert gate(features(2, 8, 6, 5)).shape == (2, 8, 6, 5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cbam", {"order": "first"}),
        ("channel", {"pools": "avg+mean"}),
        ("channel", {"reduction": 0}),
        ("channel", {"rounding": "up"}),
        ("channel", {"gate": "softmax"}),
        ("spatial", {"kernel_size": 4}),
        ("spatial", {"dilation": 0}),
        ("bam", {"branches": "both"}),
        ("bam", {"combine": "mean"}),
        ("bam", {"norm": "start"}),
        ("bam", {"norm": "hidden", "branches": "cbam"}),
        ("bam", {"dilation": 0}),
        ("eca", {"kernel_size": 2}),
        ("simam", {"e_lambda": 0}),
    ],
)
def test_refuses_invalid_values(name: str, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"Parameter `\w+` should be .* Found"):
        create(name, 8, **options)
