"""Example inputs: the arguments of a network's forward pass, given by the user or guessed from its layers."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from foveal.errors import FovealError, UsageError, summarize_error
from foveal.module_modes import eval_mode

Result = TypeVar("Result")

_CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
# Sides (px) to try, the most frequent first: ImageNet, CIFAR, MNIST, then what other linear layers may need.
_SIDES = (224, 32, 28, 64, 96, 128, 256, 299, 16)
_VOLUME = ("depth", "height", "width")
_SIDES_3D = (32, 64, 96, 16)
_SIDES_TRANSPOSED = (1, 4, 8, 16, 32)
_WHAT_TO_GIVE = (
    "Give `example`, what the network takes: a tensor, a tuple of arguments, or a dict of keywords."
)


@dataclass(frozen=True)
class Inputs:
    """Arguments of one call of a network."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors among the arguments, in order."""
        return [leaf for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Tensor)]

    def cast(self, like: Tensor) -> Inputs:
        """Return the arguments on the device of `like`, floating-point tensors with its dtype."""

        def cast_tensor(tensor: Tensor) -> Tensor:
            return tensor.to(like if tensor.is_floating_point() else like.device)

        return Inputs(*tree_map_only(Tensor, cast_tensor, (self.args, self.kwargs)))


def run_with_inputs(
    model: nn.Module, example: object, call: Callable[[Inputs], Result]
) -> tuple[Inputs, Result]:
    """Return the first inputs with which `call` runs the model, and its result.

    Args:
        model: the network.
        example: what it takes, or None to guess it: zeros with the model's `input_shape`, or with the
            channels of its first convolution and several sizes.
        call: runs the model with the inputs that it gets.

    Raises:
        UsageError: the model fails with each of the inputs.
    """
    failure: Exception | None = None
    tried = []
    for inputs in _list_inputs(model, example):
        try:
            return inputs, call(inputs)
        except FovealError:
            raise
        except Exception as error:  # the network's own error, which can be any
            failure = failure or error
            tried += [" x ".join(map(str, tensor.shape)) for tensor in inputs.tensors[:1]]
    if failure is None:
        raise UsageError(f"{type(model).__name__} has no convolution. {_WHAT_TO_GIVE}")
    if example is None:
        problem = f"The network does not take zeros of {', '.join(dict.fromkeys(tried))}"
        raise UsageError(f"{problem} ({summarize_error(failure)}). {_WHAT_TO_GIVE}") from failure
    problem = f"The network does not take `example` ({summarize_error(failure)})"
    raise UsageError(f"{problem}. It is called as `model(*args, **kwargs)`.") from failure


def make_example(model: nn.Module) -> Tensor:
    """Return an image of zeros, (1, C, H, W), as the network takes it; see `run_with_inputs`."""
    inputs, _ = run_with_inputs(model, None, lambda inputs: _run_quietly(model, inputs))
    return inputs.tensors[0]


def _run_quietly(model: nn.Module, inputs: Inputs) -> None:
    """Run the model in eval mode without gradients."""
    with eval_mode(model), torch.no_grad():
        model(*inputs.args, **inputs.kwargs)


def _list_inputs(model: nn.Module, example: object) -> Iterator[Inputs]:
    """Yield the inputs to try, in order."""
    if example is None:
        yield from _guess_inputs(model)
        return
    inputs = bind_example(model, example)
    yield inputs
    weight = _find_first_weight(model)
    if weight is not None and any(
        (tensor.dtype, tensor.device) != (weight.dtype, weight.device) for tensor in inputs.tensors
    ):
        yield inputs.cast(weight)


def bind_example(model: nn.Module, example: object) -> Inputs:
    """Return an example as arguments: a tuple as positional ones, a dict as keywords if forward has them.

    A tuple may end with a dict of keywords, as in torch.onnx. What does not fit the signature of forward is
    one argument, such as a batch in a dict or a list of images.
    """
    options = [Inputs((example,))]
    if isinstance(example, tuple):
        options.insert(0, Inputs(tuple(example)))
        if example and _is_keywords(example[-1]):
            options.insert(0, Inputs(tuple(example[:-1]), dict(example[-1])))
    elif isinstance(example, list):
        options.append(Inputs(tuple(example)))
    elif _is_keywords(example):
        options.insert(0, Inputs((), dict(example)))  # type: ignore[call-overload]
    return next((inputs for inputs in options if _fits(model, inputs)), options[0])


def _is_keywords(value: object) -> bool:
    """Return True for a mapping that has names as its keys."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, str) for key in value)


def _fits(model: nn.Module, inputs: Inputs) -> bool:
    """Return True if forward takes these arguments, according to its signature."""
    try:
        inspect.signature(model.forward).bind(*inputs.args, **inputs.kwargs)
    except (TypeError, ValueError):
        return False
    return True


def _guess_inputs(model: nn.Module) -> Iterator[Inputs]:
    """Yield images of zeros, with the dtype and device of the layer that takes them."""
    weight = _find_first_weight(model)
    options: dict[str, Any] = {}
    if weight is not None:
        options = {"dtype": weight.dtype, "device": weight.device}
    shape = getattr(model, "input_shape", None)
    if shape is not None:
        yield Inputs((torch.zeros(1, *shape, **options),))
        return
    convolution = next((m for m in model.modules() if isinstance(m, _CONVOLUTIONS)), None)
    if convolution is None:
        return
    dims = len(convolution.kernel_size)
    sides: tuple[int, ...] = _SIDES_3D if dims == len(_VOLUME) else _SIDES
    if convolution.transposed:
        sides = _SIDES_TRANSPOSED
    for side in sides:
        yield Inputs((torch.zeros(1, convolution.in_channels, *[side] * dims, **options),))


def _find_first_weight(model: nn.Module) -> Tensor | None:
    """Return the first floating-point parameter of the first convolution, otherwise of the model, or None."""
    convolutions = (module for module in model.modules() if isinstance(module, _CONVOLUTIONS))
    parameters = (
        p for module in itertools.chain(convolutions, [model]) for p in module.parameters()
    )
    return next((p for p in parameters if p.is_floating_point()), None)
