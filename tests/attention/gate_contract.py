"""Contract of attention modules: checks that take the name of a registered module."""

import copy
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from foveal.attention import Gate, capture_maps, contract, create
from foveal.attention.contract import make_features, randomize
from foveal.errors import UsageError

Check = Callable[[str], None]
SHAPES = [
    (2, 32, 8, 8), (3, 16, 9, 7), (2, 5, 1, 1), (1, 24, 3, 10), (2, 3, 33, 1), (1, 5, 1, 1),
]  # fmt: skip

# Biases before a batch norm, which cancels them in training: their gradient is zero.
CANCELED_BIASES = {
    "bam": {"channel.expand.bias", "spatial.project.bias"},
    "bam-official": {
        "channel.reduce.bias", "spatial.reduce.bias", "spatial.context.0.bias", "spatial.context.1.bias",
    },
}  # fmt: skip


def randomized(name: str, channels: int) -> nn.Module:
    """Return a gate with random parameters and statistics, so that no initial value hides an error."""
    return randomize(create(name, channels))


features = make_features


def of_registered(check: contract.Check) -> Check:
    """Return a check of the package that takes the name of a registered module."""

    def check_name(name: str) -> None:
        check(partial(create, name))

    check_name.__name__ = check.__name__
    return check_name


def keeps_the_channels_last_format(name: str) -> None:
    x = features(2, 12, 6, 5).to(memory_format=torch.channels_last)
    assert randomized(name, 12).eval()(x).is_contiguous(memory_format=torch.channels_last)


def autocast_keeps_the_dtype_of_the_input(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(2, 12, 6, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (gate(x).dtype, gate(x.bfloat16()).dtype) == (torch.float32, torch.bfloat16)


def float16_maps_with_large_sums_give_the_right_output(name: str) -> None:
    gate, x = create(name, 12).eval(), 50 * features(2, 12, 40, 36).abs()
    x[1] *= 3
    assert x.sum((2, 3)).max() > torch.finfo(torch.float16).max
    expected = gate(x)
    half = copy.deepcopy(gate).half()
    out = half(x.half()).float()
    assert half.train()(x.half()).isfinite().all()
    torch.testing.assert_close(out, expected, rtol=0, atol=0.02 * float(x.max()))


def every_parameter_has_a_gradient(name: str) -> None:
    gate = randomized(name, 32).double().train()
    gate(features(4, 32, 7, 6).double().requires_grad_()).pow(3).sum().backward()
    norms = {key: float(p.grad.norm()) for key, p in gate.named_parameters() if p.grad is not None}
    assert len(norms) == len(list(gate.parameters()))
    dead = {key for key, value in norms.items() if value < 1e-9 * max(norms.values())}
    assert dead == CANCELED_BIASES.get(name, set())


def maps_are_within_their_range(name: str) -> None:
    gate = randomized(name, 12).eval()
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.mul_(100)
    with capture_maps(gate) as maps:
        gate(10 * features(4, 12, 6, 5))
    for child, values in maps.items():
        module = gate.get_submodule(child)
        assert isinstance(module, Gate)
        low, high = module.value_range
        assert bool((values >= low).all())
        assert bool((values <= high).all())


def maps_multiply_the_input(name: str) -> None:
    gate, x = randomized(name, 16).eval(), features(2, 16, 5, 6)
    plain = gate(x)
    with capture_maps(gate) as maps:
        assert torch.equal(gate(x), plain)
    assert maps
    product = x
    for gate_name, weights in maps.items():
        assert weights.expand_as(x).shape == x.shape
        assert not weights.requires_grad
        inner = gate.get_submodule(gate_name)
        assert isinstance(inner, Gate)
        product = product * (1 + weights if inner.residual else weights)
    torch.testing.assert_close(product, plain, rtol=1e-5, atol=1e-6)
    assert not any(module._forward_hooks for module in gate.modules())


def zero_input_gives_zero_output(name: str) -> None:
    """Check that a gate multiplies: zeros in the input are zeros in the output."""
    gate, x = randomized(name, 16).eval(), features(2, 16, 5, 6)
    x[:, ::3] = 0
    assert (gate(x)[:, ::3] == 0).all()


def refuses_unknown_options(name: str) -> None:
    with pytest.raises(UsageError, match=r"no option of attention .* 'reducton'"):
        create(name, 16, reducton=4)


def refuses_invalid_channels(name: str) -> None:
    for channels in 0, -1, 1.5, True:
        with pytest.raises(UsageError, match="Parameter `channels` should be"):
            create(name, channels)  # type: ignore[arg-type]


def compiles(name: str) -> None:
    torch._dynamo.reset()
    gate, x = randomized(name, 12).train(), features(2, 12, 6, 5)
    compiled = torch.compile(gate, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), gate(x), rtol=1e-5, atol=1e-6)


class _Network(nn.Module):
    """All gates side by side: the fixed cost of an export is higher than that of a gate."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.gates = nn.ModuleList(randomized(name, 12) for name in names)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [gate(x) for gate in self.gates]


def exports(*names: str) -> None:
    """Check the exports of gates by `torch.export` and by both exporters to ONNX, for any batch size."""
    network, x = _Network(names).eval(), features(2, 12, 6, 5)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    exported = torch.onnx.export(program, dynamo=True, external_data=False, verbose=False)
    assert exported is not None
    traced = BytesIO()
    torch.onnx.export(
        network, (x,), traced, dynamo=False,  # type: ignore[arg-type]
        input_names=["x"], dynamic_axes={"x": {0: "batch"}},
    )  # fmt: skip
    runs: list[Callable[[Tensor], list[Tensor]]] = [
        program.module(),
        _load_onnx(exported.model_proto.SerializeToString()),
        _load_onnx(traced.getvalue()),
    ]
    other_x = features(3, 12, 6, 5).neg()  # a trace that misses an operation returns a constant
    for run in runs:
        for name, out, expected in zip(names, run(other_x), network(other_x), strict=True):
            torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5, msg=name)


def _load_onnx(model: bytes) -> Callable[[Tensor], list[Tensor]]:
    """Return a function that computes an ONNX model by onnxruntime."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: [torch.from_numpy(out) for out in session.run(None, {name: x.numpy()})]


CHECKS: list[Check] = [
    *map(of_registered, contract.CHECKS),
    keeps_the_channels_last_format,
    autocast_keeps_the_dtype_of_the_input,
    float16_maps_with_large_sums_give_the_right_output,
    maps_are_within_their_range,
    every_parameter_has_a_gradient,
    maps_multiply_the_input,
    zero_input_gives_zero_output,
    refuses_unknown_options,
    refuses_invalid_channels,
]


HAS_COMPILER = any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++"))
