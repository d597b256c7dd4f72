"""Contract of attention modules: checks that take the name of a registered module."""

import shutil
from collections.abc import Callable, Iterable
from io import BytesIO

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from foveal.attention import Gate, capture_maps, create
from foveal.errors import UsageError

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
    gate = create(name, channels)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, value in sorted(gate.state_dict().items()):
            if value.is_floating_point():
                value.copy_(
                    torch.rand(value.shape, generator=generator) + (0.5 if "var" in key else -0.3)
                )
    return gate


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def keeps_shape(name: str) -> None:
    for shape in SHAPES:
        out = randomized(name, shape[1]).eval()(features(*shape))
        assert out.shape == shape
        assert out.isfinite().all()


def accepts_channels_not_divisible_by_the_reduction(name: str) -> None:
    for channels in 1, 7, 17, 33:
        gate = randomized(name, channels).eval()
        assert gate(features(2, channels, 4, 5)).isfinite().all()


def trains_on_any_shape(name: str) -> None:
    for shape in SHAPES:
        gate = randomized(name, shape[1]).train()
        x = features(*shape).requires_grad_()
        gate(x).square().sum().backward()
        for value in (x, *gate.parameters()):
            assert value.grad is not None
            assert value.grad.isfinite().all()


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


def samples_are_independent_in_eval(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(4, 12, 6, 5)
    alone = torch.cat([gate(x[i : i + 1]) for i in range(len(x))])
    torch.testing.assert_close(gate(x), alone, rtol=1e-5, atol=1e-6)


def channels_last_gives_the_same_output_and_format(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(2, 12, 6, 5)
    out = gate(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(out, gate(x), rtol=1e-5, atol=1e-6)
    assert out.is_contiguous(memory_format=torch.channels_last)


def bfloat16_is_close_and_keeps_its_dtype(name: str) -> None:
    gate, x = randomized(name, 12).eval(), features(2, 12, 6, 5)
    expected = gate(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, low = gate(x), gate(x.bfloat16())
    whole = gate.bfloat16()(x.bfloat16())
    assert (mixed.dtype, low.dtype, whole.dtype) == (torch.float32, torch.bfloat16, torch.bfloat16)
    for out in mixed, low, whole:
        torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)


def state_dict_restores_the_output(name: str) -> None:
    gate, x = randomized(name, 16).eval(), features(2, 16, 5, 6)
    fresh = create(name, 16).eval()
    fresh.load_state_dict(gate.state_dict())
    assert torch.equal(fresh(x), gate(x))


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


def runs_with_deterministic_algorithms(name: str) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        results = []
        for _ in range(2):
            gate = randomized(name, 16).train()
            x = features(3, 16, 5, 6).requires_grad_()
            gate(x).square().sum().backward()
            assert x.grad is not None
            results.append(x.grad)
        assert torch.equal(*results)
    finally:
        torch.use_deterministic_algorithms(before)


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


Check = Callable[[str], None]
CHECKS: list[Check] = [
    keeps_shape,
    maps_are_within_their_range,
    accepts_channels_not_divisible_by_the_reduction,
    trains_on_any_shape,
    every_parameter_has_a_gradient,
    samples_are_independent_in_eval,
    channels_last_gives_the_same_output_and_format,
    bfloat16_is_close_and_keeps_its_dtype,
    state_dict_restores_the_output,
    maps_multiply_the_input,
    zero_input_gives_zero_output,
    runs_with_deterministic_algorithms,
    refuses_unknown_options,
    refuses_invalid_channels,
]


HAS_COMPILER = any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++"))
