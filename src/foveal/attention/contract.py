"""Contract of attention modules: checks that any module can be tested with, and their report.

Each check takes a function from a number of channels to a new module, and raises an `AssertionError` that
says what is wrong.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from foveal.attention.registry import create, get_entry

Factory = Callable[[int], nn.Module]
Check = Callable[[Factory], None]
SHAPES = (
    (2, 32, 8, 8), (3, 16, 9, 7), (2, 8, 1, 1), (1, 24, 3, 10), (2, 16, 33, 1), (1, 8, 1, 1),
)  # fmt: skip
_CHANNELS = 16
_MAX_HALF = 65_504.0  # largest float16


def check(attention: str | Callable[..., nn.Module], **options: object) -> dict[str, str]:
    """Run the contract on an attention module, print one line per check, and return what fails.

    Args:
        attention: a name or a class, as for `foveal.insert`.
        options: options of the module.

    Returns:
        The reason of each check that fails, by the name of the check; empty if the module meets the contract.

    Raises:
        UsageError: the name or an option is unknown.

    >>> from foveal.attention import check
    >>> failures = check("se", reduction=4)  # doctest: +ELLIPSIS
    ok    keeps the shape of the map
    ...
    se meets the contract of attention modules.
    """
    entry = get_entry(attention)
    create(attention, _CHANNELS, **options)  # a wrong option is not a failed check
    failures: dict[str, str] = {}
    for test in CHECKS:
        name = test.__name__.removeprefix("_").replace("_", " ")
        try:
            with torch.random.fork_rng(devices=[]):
                test(lambda channels: create(attention, channels, **options))
        except Exception as error:  # the module of a user may raise anything
            failures[name] = " ".join(f"{_name_error(error)}{error}".split())
        print(f"FAILS {name}: {failures[name]}" if name in failures else f"ok    {name}")  # noqa: T201
    verdict = f"fails {len(failures)} of {len(CHECKS)} checks" if failures else "meets the contract"
    print(f"{entry.name} {verdict} of attention modules.")  # noqa: T201  # a report is asked for
    return failures


def _name_error(error: Exception) -> str:
    """Return the type of an error for the report; empty for the checks' own assertions."""
    return "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "


def randomize(module: nn.Module) -> nn.Module:
    """Draw all parameters and running statistics of a module, so that no initial value hides an error."""
    generator = torch.Generator().manual_seed(0)
    parameters = {name for name, _ in module.named_parameters()}
    with torch.no_grad():
        for key, value in sorted(module.state_dict().items()):
            if value.is_floating_point() and (key in parameters or "running" in key):
                drawn = torch.rand(value.shape, generator=generator)
                value.copy_(drawn + (0.5 if "var" in key else -0.3))
    return module


def make_features(*shape: int) -> Tensor:
    """Return a feature map of this shape with fixed random values."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def _require(condition: bool, message: str) -> None:
    """Raise an `AssertionError` with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def _require_close(found: Tensor, expected: Tensor, tolerance: float, message: str) -> None:
    """Raise an `AssertionError` unless two tensors are close relative to the largest expected value."""
    _require(found.shape == expected.shape, message)
    found, expected = found.detach().float(), expected.detach().float()
    error = float((found - expected).abs().max())
    scale = float(expected.abs().max()) + 1.0
    _require(error <= tolerance * scale, f"{message} (by {error:.2g})")


def keeps_the_shape_of_the_map(make: Factory) -> None:
    """Check the output for maps with H != W, one image, one position."""
    for shape in SHAPES:
        x = make_features(*shape)
        out = randomize(make(shape[1])).eval()(x)
        _require(isinstance(out, Tensor), f"it returns a {type(out).__name__}, not a tensor")
        _require(out.shape == shape, f"a map {shape} becomes {tuple(out.shape)}")
        _require(bool(out.isfinite().all()), f"values of a map {shape} are not finite")


def takes_any_number_of_channels(make: Factory) -> None:
    """Check numbers of channels that a reduction does not divide."""
    for channels in 1, 7, 17, 33:
        out = randomize(make(channels)).eval()(make_features(2, channels, 4, 5))
        _require(bool(out.isfinite().all()), f"values with {channels} channels are not finite")


def trains_on_any_shape(make: Factory) -> None:
    """Check gradients in training mode, also with one image and one position."""
    for shape in SHAPES:
        module, x = randomize(make(shape[1])).train(), make_features(*shape).requires_grad_()
        module(x).square().sum().backward()
        _require(x.grad is not None, "the input gets no gradient")
        for name, value in [("input", x), *module.named_parameters()]:
            if value.grad is not None:
                finite = bool(value.grad.isfinite().all())
                _require(finite, f"the gradient of {name} at a map {shape} is not finite")


def every_parameter_gets_a_gradient(make: Factory) -> None:
    """Check that no parameter is left out, which distributed training refuses."""
    module = randomize(make(_CHANNELS)).train()
    module(make_features(4, _CHANNELS, 7, 6).requires_grad_()).pow(3).sum().backward()
    unused = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
    _require(not unused, f"no gradient for {', '.join(unused)}")


def images_are_independent_in_eval_mode(make: Factory) -> None:
    """Check that the output for an image does not depend on the others of its batch."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(4, _CHANNELS, 6, 5)
    alone = torch.cat([module(x[i : i + 1]) for i in range(len(x))])
    _require_close(module(x), alone, 1e-5, "an image alone has another output than in a batch")


def gives_the_same_output_twice_in_eval_mode(make: Factory) -> None:
    """Check that eval mode draws no random numbers and changes no state."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(2, _CHANNELS, 6, 5)
    _require(torch.equal(module(x), module(x)), "two calls differ")


def leaves_its_input_unchanged(make: Factory) -> None:
    """Check that the module does not write to its input."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(2, _CHANNELS, 6, 5)
    before = x.clone()
    module(x)
    _require(torch.equal(x, before), "the input is overwritten")


def takes_channels_last_maps(make: Factory) -> None:
    """Check the output for a map in the memory format `channels_last`."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(2, _CHANNELS, 6, 5)
    out = module(x.to(memory_format=torch.channels_last))
    _require_close(out, module(x), 1e-5, "the output of a channels_last map differs")


def keeps_low_precision(make: Factory) -> None:
    """Check bfloat16 weights and autocast, and float16 maps whose sums are too large for float16."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(2, _CHANNELS, 6, 5)
    expected = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _require_close(module(x), expected, 0.05, "the output under autocast differs")
    low = copy.deepcopy(module).bfloat16()(x.bfloat16())
    _require(low.dtype == torch.bfloat16, f"bfloat16 becomes {low.dtype}")
    _require_close(low, expected, 0.05, "the output in bfloat16 differs")
    half = torch.full((1, _CHANNELS, 40, 40), _MAX_HALF / 1000).half()
    out = copy.deepcopy(module).half()(half)
    _require(bool(out.isfinite().all()), "a sum over a float16 map is not finite")


def weights_restore_the_output(make: Factory) -> None:
    """Check that a state dict, a copy and a pickle have everything that the output depends on."""
    module, x = randomize(make(_CHANNELS)).eval(), make_features(2, _CHANNELS, 5, 6)
    expected = module(x)
    fresh = make(_CHANNELS).eval()
    fresh.load_state_dict(module.state_dict())
    _require(torch.equal(fresh(x), expected), "a new module with the same state dict differs")
    _require(torch.equal(copy.deepcopy(module)(x), expected), "a copy differs")
    file = io.BytesIO()
    pickle.dump(module, file)
    file.seek(0)
    _require(torch.equal(pickle.load(file)(x), expected), "a pickled module differs")  # noqa: S301


def runs_with_deterministic_algorithms(make: Factory) -> None:
    """Check `torch.use_deterministic_algorithms(True)`, forward and backward."""
    with _deterministic_algorithms():
        gradients = []
        for _ in range(2):
            module = randomize(make(_CHANNELS)).train()
            x = make_features(3, _CHANNELS, 5, 6).requires_grad_()
            torch.manual_seed(0)  # dropout may draw numbers
            module(x).square().sum().backward()
            assert x.grad is not None
            gradients.append(x.grad)
        _require(torch.equal(*gradients), "two backward passes differ")


@contextmanager
def _deterministic_algorithms() -> Iterator[None]:
    """Require deterministic algorithms in this block."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


CHECKS: tuple[Check, ...] = (
    keeps_the_shape_of_the_map,
    takes_any_number_of_channels,
    trains_on_any_shape,
    every_parameter_gets_a_gradient,
    images_are_independent_in_eval_mode,
    gives_the_same_output_twice_in_eval_mode,
    leaves_its_input_unchanged,
    takes_channels_last_maps,
    keeps_low_precision,
    weights_restore_the_output,
    runs_with_deterministic_algorithms,
)
