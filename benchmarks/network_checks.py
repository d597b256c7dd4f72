"""All checks of one network of `check_networks.py`; prints one JSON row.

A step ends with `ok`, with `left out` if the plain network cannot do it, with `refused` and a sentence of
foveal, or with `failed` and the reason.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.metadata
import io
import json
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from foveal import insert
from foveal.attention.inserted import find_gates
from foveal.errors import FovealError
from foveal.models import Insertion
from networks import Built, build

_LEARNING_RATE = 1e-4
_TOLERANCE = 1e-3  # of folded or compiled networks, relative to the largest output


class DifferentError(Exception):
    """A result that differs from the expected one."""


def main(name: str, *, is_quick: bool = False) -> dict[str, object]:
    """Return the row of a network."""
    start = time.monotonic()
    model, args, kwargs = build(name)
    steps: dict[str, str] = {}
    run_cbam(name, model, args, kwargs, steps, is_quick=is_quick)
    for attention in ("bam", "se"):
        with record(steps, attention):
            steps[attention] = run_short(build(name), attention)
    library = name.partition("/")[0]
    return {
        "name": name,
        "steps": steps,
        "seconds": round(time.monotonic() - start),
        "torch": torch.__version__,
        "version": get_version(library),
    }


def get_version(library: str) -> str:
    """Return the version of the library of a network."""
    distribution = {"smp": "segmentation_models_pytorch", "classics": "torch"}.get(library, library)
    return importlib.metadata.version(distribution)


@contextlib.contextmanager
def record(steps: dict[str, str], step: str) -> Iterator[None]:
    """Store how a step ended."""
    try:
        yield
        steps.setdefault(step, "ok")
    except FovealError as error:
        steps[step] = f"refused: {error}"
    except DifferentError as error:
        steps[step] = f"failed: {error}"
    except Exception as error:  # every error is a result
        steps[step] = f"failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def run_cbam(
    name: str,
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    steps: dict[str, str],
    *,
    is_quick: bool,
) -> None:
    """Run every step with `cbam`; if it is quick, without compilation and export."""
    model.eval()
    plain, before = copy.deepcopy(model), outputs(model, args, kwargs)
    keys = list(model.state_dict())
    insertion: Insertion | None = None
    with record(steps, "insert"):
        example = args[0] if len(args) == 1 and not kwargs else (args, kwargs)
        insertion = insert(model, "cbam", example=make_example(args, kwargs, example))
        left = [key for key in model.state_dict() if key in set(keys)]
        require(left == keys, "the keys of the backbone changed")
        steps["insert"] = f"ok: {len(insertion.sites)} sites, {len(insertion.skipped)} skipped"
    if insertion is None:
        return  # type: ignore[unreachable]
    gated = copy.deepcopy(model)
    after = outputs(gated, args, kwargs)
    with record(steps, "steps"):
        train_two_steps(copy.deepcopy(model), args, kwargs, len(insertion.sites))
    with record(steps, "copy"):
        require_equal(outputs(copy.deepcopy(model), args, kwargs), after)
    check(
        steps,
        "pickle",
        plain,
        gated,
        lambda each: outputs(pickle.loads(pickle.dumps(each)), args, kwargs),
        0,
        after,
    )
    if not is_quick:
        compile_and_export(plain, gated, args, kwargs, steps, after)
    if (fuse := find_fusion(name)) is not None:
        check(
            steps,
            "fuse",
            plain,
            gated,
            lambda each: outputs(fuse(each), args, kwargs),
            _TOLERANCE,
            after,
        )
    low_args, low_kwargs = cast((args, kwargs), torch.float16)
    check(
        steps,
        "half",
        plain,
        gated,
        lambda each: outputs(each.half(), low_args, low_kwargs),
        None,
        after,
    )
    check(
        steps,
        "autocast",
        plain,
        gated,
        lambda each: run_autocast(each, args, kwargs),
        None,
        after,
    )
    with record(steps, "remove"):
        insertion.remove()
        require(not find_gates(model), "gates are left")
        require_equal(outputs(model, args, kwargs), before)
        require(list(model.state_dict()) == keys, "the keys changed")


def compile_and_export(
    plain: nn.Module,
    gated: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    steps: dict[str, str],
    after: list[Tensor],
) -> None:
    """Run the steps that take most of the time: compilation and both exporters."""
    check(
        steps,
        "compile",
        plain,
        gated,
        lambda each: outputs(torch.compile(each, backend="aot_eager"), args, kwargs),
        _TOLERANCE,
        after,
    )
    for step, dynamo in (("onnx", False), ("onnx dynamo", True)):
        check(
            steps,
            step,
            plain,
            gated,
            functools.partial(export, args=args, kwargs=kwargs, dynamo=dynamo),
            None,
            after,
        )


def run_short(built: Built, attention: str) -> str:
    """Insert, train two steps, remove; return the result."""
    model, args, kwargs = built
    before = outputs(model.eval(), args, kwargs)
    example = args[0] if len(args) == 1 and not kwargs else (args, kwargs)
    insertion = insert(model, attention, example=make_example(args, kwargs, example))
    train_two_steps(
        copy.deepcopy(model), args, kwargs, len(insertion.sites), allows_idle_gates=True
    )
    insertion.remove()
    require_equal(outputs(model, args, kwargs), before)
    return f"ok: {len(insertion.sites)} sites at {insertion.where}"


def make_example(args: tuple[Any, ...], kwargs: dict[str, Any], example: object) -> object:
    """Return the inputs in the form that `insert` takes."""
    if kwargs and not args:
        return dict(kwargs)
    return example if len(args) == 1 else args


def outputs(
    model: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Tensor]:
    """Return the tensors of a forward pass in the mode of the model, without gradients."""
    torch.manual_seed(0)
    with torch.no_grad():
        return list_tensors(model(*copy.deepcopy(args), **copy.deepcopy(kwargs)))


def list_tensors(values: object) -> list[Tensor]:
    """Return the tensors in nested outputs."""
    return [leaf.clone() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def cast(values: Any, dtype: torch.dtype) -> Any:
    """Return nested inputs with floating-point tensors of a dtype."""
    if isinstance(values, Tensor):
        return values.to(dtype) if values.is_floating_point() else values
    if isinstance(values, dict):
        return {key: cast(value, dtype) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(cast(value, dtype) for value in values)
    return values


def train_two_steps(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    sites: int,
    *,
    allows_idle_gates: bool = False,
) -> None:
    """Train on the squares of all outputs; every gate must get finite gradients.

    The hidden unit of a narrow SE may be zero for all images at first. With `allows_idle_gates` gradients
    may be zero.
    """
    model.train()
    gates = find_gates(model)
    require(len(gates) == sites, f"{len(gates)} gates at {sites} sites")
    optimizer = torch.optim.SGD(model.parameters(), lr=_LEARNING_RATE)
    args, kwargs = add_targets(model, args, kwargs)
    idle = set(gates)  # a block that is dropped in both steps has an idle gate
    for _ in range(2):
        values = list_differentiable(model(*copy.deepcopy(args), **copy.deepcopy(kwargs)))
        require(bool(values), "no output has a gradient in training mode")
        loss = torch.stack([_normalize(value).mean() for value in values]).sum()
        require(bool(loss.isfinite()), "the loss is not finite")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for name, gate in gates.items():
            gradients = [p.grad for p in gate.parameters() if p.grad is not None]
            are_finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
            require(are_finite, f"a gradient of {name} is not finite")
            if any(allows_idle_gates or bool(gradient.any()) for gradient in gradients):
                idle.discard(name)
    require(len(idle) < len(gates), "no gate trains")
    if idle and not allows_idle_gates:
        raise DifferentError(f"gates without effect on any output: {', '.join(sorted(idle))}")


def _normalize(value: Tensor) -> Tensor:
    """Return the squares of an output in relation to their mean, because untrained networks may explode."""
    squares = value.float().square()
    return squares / squares.detach().mean().clamp(min=1e-30)


def add_targets(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Add the targets that detectors of torchvision need in training mode."""
    if type(model).__module__.startswith("torchvision.models.detection"):
        images = args[0]
        size = images[0].shape[-1]
        target = {
            "boxes": torch.tensor([[4.0, 4.0, size - 8.0, size - 8.0]]),
            "labels": torch.tensor([1]),
            "masks": torch.ones(1, size, size, dtype=torch.uint8),
        }
        return (images, [target] * len(images)), kwargs
    return args, kwargs


def list_differentiable(values: object) -> list[Tensor]:
    """Return the floating-point tensors with a gradient in nested outputs."""
    leaves = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return [leaf for leaf in leaves if leaf.is_floating_point() and leaf.requires_grad]


def run_autocast(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return the outputs under bfloat16 autocast."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return outputs(model, args, kwargs)


def export(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], *, dynamo: bool
) -> list[Tensor]:
    """Export to ONNX; the result is not compared here, the tests of foveal do."""
    file: Any = io.BytesIO()
    options: dict[str, Any] = {"kwargs": kwargs} if kwargs else {}
    program = torch.onnx.export(
        model, args, None if dynamo else file, dynamo=dynamo, verbose=False, **options
    )
    content = program.model_proto.SerializeToString() if dynamo else file.getvalue()  # type: ignore[union-attr]
    require(len(content) > 0, "the file is empty")
    return []


def find_fusion(name: str) -> Callable[[nn.Module], nn.Module] | None:
    """Return the function with which the library of a network folds its norms, or None."""
    library, _, rest = name.partition("/")
    if library == "ultralytics":
        return lambda model: model.fuse(verbose=False)  # type: ignore[operator]
    if library == "timm":
        return fuse_timm
    if rest.startswith("quantized_"):
        return fuse_quantized
    if library in ("torchvision", "classics"):
        return fuse_fx
    return None


def fuse_timm(model: nn.Module) -> nn.Module:
    """Reparameterize branches, or fold norms by torch.fx where there are none."""
    utils = importlib.import_module("timm.utils.model")
    if any(
        hasattr(module, name)
        for module in model.modules()
        for name in ("fuse", "reparameterize", "switch_to_deploy")
    ):
        return utils.reparameterize_model(model)
    return fuse_fx(model)


def fuse_quantized(model: nn.Module) -> nn.Module:
    """Fold norms as torchvision's quantizable networks do."""
    model.fuse_model(is_qat=False)  # type: ignore[operator]
    return model


def fuse_fx(model: nn.Module) -> nn.Module:
    """Fold norms by torch.fx."""
    optimization = importlib.import_module("torch.fx.experimental.optimization")
    return optimization.fuse(model.eval())


def check(
    steps: dict[str, str],
    step: str,
    plain: nn.Module,
    gated: nn.Module,
    run: Callable[[nn.Module], list[Tensor]],
    tolerance: float | None,
    expected: list[Tensor],
) -> None:
    """Run a step on a copy of the network with gates, unless the plain network cannot do it.

    A refusal by a sentence is a result of `fuse` only: the gates cannot move along, and foveal says so.
    """
    try:
        with silence():
            reference = run(copy.deepcopy(plain))
    except Exception as error:  # a limit of the library
        steps[step] = f"left out: {type(error).__name__}"
        return
    with record(steps, step), silence():
        found = run(copy.deepcopy(gated))
        require(len(found) == len(reference), "it returns another number of tensors")
        require(all(bool(each.isfinite().all()) for each in found), "an output is not finite")
        if tolerance is not None and len(found) == len(expected):  # a fused YOLO drops a head
            require_close(found, expected, tolerance)
    if steps[step].startswith("refused") and step != "fuse":
        steps[step] = steps[step].replace("refused", "failed", 1)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Discard what libraries print, and reset the compiler."""
    torch._dynamo.reset()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def require(condition: bool, message: str) -> None:
    """Raise unless a condition holds."""
    if not condition:
        raise DifferentError(message)


def require_equal(found: list[Tensor], expected: list[Tensor]) -> None:
    """Raise unless two outputs are equal bit for bit."""
    same = len(found) == len(expected) and all(map(torch.equal, found, expected))
    require(same, "the outputs are not equal bit for bit")


def require_close(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """Raise unless two outputs are close, relative to the largest value of each tensor.

    Detections are compared only if both have the same number.
    """
    require(len(found) == len(expected), f"{len(found)} tensors instead of {len(expected)}")
    for ours, theirs in zip(found, expected, strict=True):
        if ours.shape != theirs.shape or not theirs.is_floating_point():
            continue
        scale = float(theirs.abs().max()) + 1e-6 if theirs.numel() else 1.0
        error = (
            float((ours.float() - theirs.float()).abs().max()) / scale if theirs.numel() else 0.0
        )
        require(error <= tolerance, f"the outputs differ by {error:.2g} of the largest")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], is_quick="--quick" in sys.argv)))
