"""Occlusion maps, compared with Captum and closed forms; invariance, memory, progress and errors."""

import copy
import gc
import itertools
import math
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from captum.attr import Occlusion
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from explanation.small_networks import CLASSES, AnySize, LinearModel, random_images
from foveal.attention import available
from foveal.errors import FovealError, UsageError
from foveal.explanation import OCCLUSION_PRESETS, occlusion_sensitivity
from foveal.explanation.occlusion.scores import compute_drops
from foveal.explanation.occlusion.sweep import sweep_logits
from foveal.explanation.occlusion.windows import make_windows
from foveal.models import ConvNet, build_model


def add_softmax(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda images: model(images).softmax(1)


def attribute_with_captum(
    model: nn.Module, images: Tensor, labels: Tensor, window: Any, stride: Any, fill: float | Tensor
) -> Tensor:
    channels = images.shape[1]
    if isinstance(fill, Tensor):
        fill = fill.reshape(1, -1, 1, 1).expand(1, *images.shape[1:])
    was = model.training
    model.eval()
    with torch.no_grad():
        result: Tensor = Occlusion(add_softmax(model)).attribute(
            images,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *stride),
            target=labels,
            baselines=fill,
            perturbations_per_eval=7,
        )
    model.train(was)
    return result[:, 0]


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        *(("convnet", variant) for variant in ("none", "channel", "spatial", "cbam", "bam")),
        ("resnet18", "cbam"),
    ],
)
def test_matches_captum(name: str, variant: str) -> None:
    model = build_model(name, attention=variant, seed=0)
    count = 3 if name == "convnet" else 1
    images, labels = random_images(count, 3, 32, 32), torch.tensor([1, 7, 3])[:count]
    result = occlusion_sensitivity(model, images, labels, fill=0.0).map()
    expected = attribute_with_captum(model, images, labels, (8, 8), (4, 4), 0.0)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("window", "stride"),
    [((8, 8), (4, 4)), ((5, 7), (3, 2)), ((4, 4), (4, 4)), ((7, 3), (5, 3)), ((19, 26), (1, 1))],
)
@pytest.mark.parametrize("fill", [0.0, 0.3, torch.tensor([0.1, -0.4, 0.7])])
def test_matches_captum_for_geometries(
    window: tuple[int, int], stride: tuple[int, int], count: int, fill: Any
) -> None:
    model, images = AnySize(), random_images(count, 3, 19, 26)
    labels = torch.arange(count) + 2
    result = occlusion_sensitivity(
        model, images, labels, window=window, stride=stride, fill=fill, chunk=5
    )
    expected = attribute_with_captum(model, images, labels, window, stride, fill)
    torch.testing.assert_close(result.map(), expected, atol=1e-6, rtol=0)


def test_every_class_matches_captum() -> None:
    model, images = AnySize(), random_images(2, 3, 17, 21)
    result = occlusion_sensitivity(model, images, window=6, stride=3, fill=0.0, target="all").map()
    for k in range(CLASSES):
        expected = attribute_with_captum(model, images, torch.tensor([k, k]), (6, 6), (3, 3), 0.0)
        torch.testing.assert_close(result[:, k], expected, atol=1e-6, rtol=0)


def test_captum_preset_matches_captum_defaults() -> None:
    model, images = AnySize().eval(), random_images(2, 3, 16, 16)
    result = occlusion_sensitivity(
        model, images, [4, 9], window=4, **OCCLUSION_PRESETS["captum"]
    ).map()
    expected = Occlusion(model).attribute(
        images, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2), target=torch.tensor([4, 9])
    )
    torch.testing.assert_close(result, expected[:, 0].detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "window", "stride", "edge", "score"),
    [
        ("captum", (10, 8), (5, 4), "clip", "logit"),
        ("mathworks", (8, 7), (4, 4), "clip", "prob"),
        ("monai", (16, 16), (12, 12), "shift", "prob"),
    ],
)
def test_presets_match_documented_settings(
    name: str, window: tuple[int, int], stride: tuple[int, int], edge: str, score: str
) -> None:
    images = random_images(2, 3, 40, 32)
    fills = {
        "captum": torch.zeros(3),
        "mathworks": images.mean((0, 2, 3)),
        "monai": images.mean((2, 3), keepdim=True),
    }
    result = occlusion_sensitivity(AnySize(), images, [0, 4], **OCCLUSION_PRESETS[name])
    expected = occlusion_sensitivity(
        AnySize(), images, [0, 4], window=window, stride=stride, fill=fills[name], edge=edge,
        score=score, target="label",
    )  # fmt: skip
    assert result.windows == expected.windows
    torch.testing.assert_close(result.map(), expected.map(), atol=1e-6, rtol=0)
    assert bool(result.map().abs().flatten(1).amax(1).gt(1e-4).all())


def test_all_presets_are_tested() -> None:
    assert set(OCCLUSION_PRESETS) == {"captum", "mathworks", "monai"}


@pytest.mark.parametrize("edge", ["clip", "shift", "center", "drop"])
def test_linear_model_matches_closed_form(edge: str) -> None:
    shape, fill = (2, 9, 11), 0.25
    model, images = LinearModel(shape), random_images(3, *shape)
    result = occlusion_sensitivity(
        model, images, [0, 1, 2], window=(4, 3), stride=(3, 2), fill=fill, edge=edge, score="logit"
    )
    evidence = torch.einsum("nchw,nchw->nhw", images - fill, model.weights.detach())
    tops, lefts = result.windows.starts
    total, covering = torch.zeros(3, 9, 11), torch.zeros(9, 11)
    for top, left in itertools.product(tops, lefts):
        inside = (slice(top, top + 4), slice(left, left + 3))
        total[:, *inside] += evidence[:, *inside].sum((1, 2))[:, None, None]
        covering[inside] += 1
    torch.testing.assert_close(result.map(), total / covering, atol=1e-4, rtol=0, equal_nan=True)
    assert bool((covering == 0).any()) == (edge in ("center", "drop"))


def test_window_of_whole_image_gives_constant_map() -> None:
    shape = (1, 6, 5)
    model, images = LinearModel(shape), random_images(1, *shape)
    result = occlusion_sensitivity(model, images, [1], window=(6, 5), fill=0.5, score="logit").map()
    expected = model(images)[0, 1] - model(torch.full((1, *shape), 0.5))[0, 1]
    torch.testing.assert_close(result, expected.detach().expand(1, 6, 5), atol=1e-5, rtol=0)


def test_constant_model_has_zero_maps() -> None:
    head = nn.Linear(48, 4)
    nn.init.zeros_(head.weight)
    model = nn.Sequential(nn.Flatten(), head)
    result = occlusion_sensitivity(model, random_images(2, 3, 4, 4), [0, 1], window=2)
    assert not result.map().any()
    assert not result.flip_map().any()


@pytest.mark.parametrize("score", ["prob", "logit", "logprob", "margin", "relative"])
def test_scores_are_derived_from_logits(score: str) -> None:
    model, images, fill = AnySize(), random_images(2, 3, 8, 8), torch.tensor([0.5, 0.1, 0.9])
    labels = torch.tensor([2, 6])
    result = occlusion_sensitivity(model, images, labels, window=8, fill=fill)

    def compute_score(logits: Tensor) -> Tensor:
        logit = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf)
        p = logits.softmax(1).gather(1, labels[:, None])[:, 0]
        return {
            "prob": p,
            "logit": logit,
            "logprob": p.log(),
            "margin": logit - others.amax(1),
            "relative": p,
        }[score]

    occluded = fill.reshape(1, 3, 1, 1).expand(2, 3, 8, 8)
    before, under = compute_score(model(images).detach()), compute_score(model(occluded).detach())
    expected = (before - under) / before if score == "relative" else before - under
    torch.testing.assert_close(result.grid(score=score).view(2), expected, atol=1e-5, rtol=1e-5)


def test_flip_map_and_accuracy_by_hand() -> None:
    # One pixel decides: class 1 if it is above 0.5.
    class OnePixel(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            lit = x[:, 0, 1, 2]
            return torch.stack((0.5 - lit, lit - 0.5), 1)

    images = torch.ones(1, 1, 4, 6)
    result = occlusion_sensitivity(
        OnePixel(), images, [1], window=2, stride=2, fill=0.0, score="logit"
    )
    expected = torch.zeros(1, 4, 6)
    expected[0, 0:2, 2:4] = 1
    assert torch.equal(result.flip_map(), expected)
    assert torch.equal(result.map(), expected)
    assert result.accuracy_under_occlusion() == pytest.approx(5 / 6)
    assert result.window_predictions().shape == (1, 1, 2, 3)


def test_infinite_value_under_window_has_no_effect() -> None:
    class Bounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            total = x.clamp(0, 1).sum((1, 2, 3))
            return torch.stack((total, -total), 1)

    images = torch.full((1, 1, 4, 4), 0.5)
    images[0, 0, 1, 1] = torch.inf
    result = occlusion_sensitivity(Bounded(), images, [0], window=2, fill=0.0, score="logit").map()
    assert bool(result.isfinite().all())
    expected = Occlusion(Bounded()).attribute(images, (1, 2, 2), target=0)
    assert bool(expected.isnan().any())


def test_several_models_match_separate_sweeps() -> None:
    models = {name: build_model("convnet", attention=name, seed=0) for name in ("none", "cbam")}
    images = random_images(2, 3, 32, 32)
    combined = occlusion_sensitivity(models, images, [0, 5])
    for name, model in models.items():
        alone = occlusion_sensitivity(model, images, [0, 5])
        torch.testing.assert_close(combined.map(name), alone.map(), atol=1e-6, rtol=0)
    with pytest.raises(UsageError, match="'none', 'cbam'"):
        combined.map()
    with pytest.raises(UsageError, match="Did you mean 'cbam'"):
        combined.map("cbm")


@pytest.mark.parametrize("chunk", [1, 7, 200])
def test_maps_do_not_depend_on_chunk(chunk: int) -> None:
    model, images = build_model("convnet", attention="cbam", seed=1), random_images(3, 3, 32, 32)
    result = occlusion_sensitivity(model, images, [1, 2, 3], chunk=chunk).map()
    expected = occlusion_sensitivity(model, images, [1, 2, 3]).map()
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


def test_channels_last_gives_equal_maps() -> None:
    model, images = build_model("convnet", attention="cbam", seed=1), random_images(2, 3, 32, 32)
    last = images.contiguous(memory_format=torch.channels_last)
    result = occlusion_sensitivity(model, last, [1, 2]).map()
    torch.testing.assert_close(
        result, occlusion_sensitivity(model, images, [1, 2]).map(), atol=1e-6, rtol=0
    )


def test_bfloat16_images_and_model() -> None:
    model, images = AnySize(), random_images(1, 3, 16, 16)
    expected = occlusion_sensitivity(model, images, [1], score="logit").map()
    half = copy.deepcopy(model).bfloat16()
    result = occlusion_sensitivity(half, images.bfloat16(), [1], score="logit").map()
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, atol=0.05, rtol=0)
    # Equal pixels in float32 are cast to the dtype of the model.
    cast = occlusion_sensitivity(half, images.bfloat16().float(), [1], fill=0.0, score="logit")
    same = occlusion_sensitivity(half, images.bfloat16(), [1], fill=0.0, score="logit")
    assert torch.equal(cast.map(), same.map())
    several = {"half": half, "double": copy.deepcopy(model).double()}
    combined = occlusion_sensitivity(several, images, [1], fill=["mean", "blur"], score="logit")
    single = occlusion_sensitivity(model, images, [1], fill=["mean", "blur"], score="logit")
    torch.testing.assert_close(combined.map("double"), single.map(), atol=1e-5, rtol=0)


def test_mirrored_image_has_mirrored_map() -> None:
    images = random_images(1, 3, 12, 16)
    model = AnySize()
    mirrored = copy.deepcopy(model)
    mirrored.conv.weight.data = model.conv.weight.data.flip(3)
    result = occlusion_sensitivity(mirrored, images.flip(3), [4], window=4).map()
    expected = occlusion_sensitivity(model, images, [4], window=4).map().flip(2)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", available())
def test_does_not_change_model_hooks_or_generators(name: str) -> None:
    model = build_model("convnet", attention=name, seed=0).train()
    next(model.children()).eval()
    seen: list[int] = []
    handle = model.register_forward_hook(lambda *_: seen.append(1))
    modes = [module.training for module in model.modules()]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    occlusion_sensitivity(model, random_images(1, 3, 32, 32), [0], fill=["noise", "blur"])
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert len(seen) > 0
    assert handle.id in model._forward_hooks


def test_restores_mode_after_failure() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("not today")

    model = Failing().train()
    with pytest.raises(ValueError, match="not today"):
        occlusion_sensitivity(model, random_images(1, 3, 8, 8), [0])
    assert model.training


def test_several_fills_are_averaged_and_agreement_is_measured() -> None:
    model, images = AnySize(), random_images(2, 3, 16, 16)
    combined = occlusion_sensitivity(model, images, [1, 2], fill=["mean", 0.0])
    separate = [occlusion_sensitivity(model, images, [1, 2], fill=f).map() for f in ("mean", 0.0)]
    torch.testing.assert_close(combined.map(fill="0.0"), separate[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(combined.map(), (separate[0] + separate[1]) / 2, atol=1e-6, rtol=0)
    twice = occlusion_sensitivity(model, images, [1, 2], fill=[0.0, 1e-7])
    assert bool((twice.fill_agreement() > 0.999).all())
    assert combined.fill_agreement().shape == (2,)


@pytest.mark.parametrize(("most", "chunk"), [(100, 16), (3, 16), (100, 1)])
def test_advance_counts_every_pass_once(most: int, chunk: int) -> None:
    model, images = OutOfMemoryModel(most, MemoryError), random_images(2, 3, 16, 12)
    windows, fills = make_windows((16, 12), window=5), [torch.zeros(1, 1, 1, 1), images.flip(3)]
    done: list[int] = []
    outputs: list[int] = []
    result = sweep_logits(
        model,
        images,
        windows,
        fills,
        chunk=chunk,
        check_class_count=outputs.append,
        advance=done.append,
    )
    assert result.shape == (2, 2, windows.count + 1, CLASSES)
    assert sum(done) == result[..., 0].numel()
    assert done == model.sizes
    assert max(done) <= min(most, chunk)
    assert outputs == [CLASSES]


def test_progress_bar_writes_nothing_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    occlusion_sensitivity(AnySize(), random_images(2, 3, 16, 16), [0, 1], progress=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("most", [6, 1000])
def test_progress_callback_gets_every_pass_and_can_stop_sweep(most: int) -> None:
    calls: list[tuple[int, int]] = []

    def record_progress(done: int, total: int) -> None:
        calls.append((done, total))
        if len(calls) == most:
            raise InterruptedError

    models, images = {"a": AnySize(), "b": AnySize()}, random_images(2, 3, 16, 16)
    total = 2 * 2 * 2 * (make_windows((16, 16)).count + 1)
    with nullcontext() if most > total else pytest.raises(InterruptedError):
        occlusion_sensitivity(
            models, images, [0, 1], fill=["mean", "noise"], chunk=7, progress=record_progress
        )
    done = [count for count, of in calls if of == total]
    assert len(done) == len(calls) <= most
    assert all(0 < after - before <= 7 for before, after in itertools.pairwise([0, *done]))
    assert (done[-1] == total) is (most > total)


class DeviceRecorder(nn.Module):
    """Model on a device that records device and size of its inputs, with outputs on the CPU."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device=device))
        self.seen: list[tuple[str, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.device.type, len(x)))
        return torch.zeros(len(x), 2)


def test_chunk_depends_on_device_of_each_model() -> None:
    models = {device: DeviceRecorder(device) for device in ("cpu", "meta")}
    occlusion_sensitivity(models, random_images(2, 3, 32, 32), [0, 1])
    assert models["meta"].seen == [("meta", 2 * 50)]  # in one pass
    assert models["cpu"].seen == [("cpu", 50)] * 2


def test_warns_about_many_passes() -> None:
    class Cheap(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    with pytest.warns(UserWarning, match="20,208 forward passes"):
        occlusion_sensitivity(Cheap(), torch.rand(24, 2, 29, 29), [0] * 24, window=1, stride=1)


class OutOfMemoryModel(nn.Module):
    """Model that raises an error for more than `most` images per pass."""

    def __init__(self, most: int, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.most, self.error, self.sizes = most, error, list[int]()
        self.inner = AnySize()

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error()
        self.sizes.append(len(x))
        result: Tensor = self.inner(x)
        return result


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.OutOfMemoryError("CUDA out of memory."),
        lambda: RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        MemoryError,
    ],
)
def test_halves_chunk_if_memory_runs_out(error: Callable[[], Exception]) -> None:
    model, images = OutOfMemoryModel(3, error), random_images(1, 3, 16, 16)
    result = occlusion_sensitivity(model, images, [1], chunk=16).map()
    expected = occlusion_sensitivity(model.inner, images, [1], chunk=16).map()
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)
    assert max(model.sizes) <= 3
    with pytest.raises(FovealError, match="not enough memory for one image"):
        occlusion_sensitivity(OutOfMemoryModel(0, error), images, [1])


def test_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        occlusion_sensitivity(
            OutOfMemoryModel(0, lambda: RuntimeError("mat1 and mat2 shapes")),
            random_images(1, 3, 8, 8),
            [0],
        )


class LiveMemoryCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Counter of the bytes in all live storages that operations have created.

    The storage of `existing` is not counted if an operation returns a view of it.
    """

    def __init__(self, existing: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live, self.peak = 0, 0
        self.known = {existing.untyped_storage()._cdata}

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for output in out if isinstance(out, tuple | list) else (out,):
            if isinstance(output, Tensor):
                self.count(output.untyped_storage())
        return out

    def count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known:
            return
        self.known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self.forget, key, size)

    def forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.live -= size


@pytest.mark.parametrize("fill", ["mean", "blur", ["mean", "gray"]])
def test_memory_is_bounded_by_two_chunks_and_logits(fill: Any) -> None:
    class Pooling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, ::4, ::4].flatten(1)

    images = random_images(4, 3, 64, 48)
    chunk, classes = 2, 3 * 16 * 12
    counted = LiveMemoryCounter(images)
    gc.disable()
    with counted:
        result = occlusion_sensitivity(
            Pooling(), images, [0] * 4, fill=fill, window=16, chunk=chunk, score="logit",
            normalization=(0, 1),
        )  # fmt: skip
    gc.enable()
    fill_bytes = images.nbytes if fill == "blur" else 0
    logits = len(result.fills) * len(images) * (result.windows.count + 1) * classes * 4
    masks_and_ranges = chunk * 64 * 48 + 10_000
    output_bytes = 4 * chunk * classes * 4  # outputs of one pass and the check for finite values
    # The blur needs a few copies of the images before the sweep.
    bound = (
        max(2 * chunk * images[0].nbytes + logits + masks_and_ranges + output_bytes, 4 * fill_bytes)
        + fill_bytes
    )
    assert logits < counted.peak <= bound


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 40}, r"`window` should be at most 32x32"),
        ({"window": 0}, r"`window` should be `auto`, a number"),
        ({"window": 4, "stride": 5}, r"`stride` should be at most the window"),
        ({"edge": "wrap"}, r"`edge` should be one of 'clip'"),
        ({"score": "loss"}, r"`score` should be one of 'prob'"),
        ({"fill": "gry"}, r"Did you mean 'gray'"),
        ({"fill": torch.zeros(5)}, r"`fill` should be a number, or a tensor"),
        ({"fill": []}, r"`fill` should be at least one"),
        ({"chunk": 0}, r"`chunk` should be `auto`"),
        ({"target": "truth"}, r"`target` should be `label`"),
        (
            {"target": 10},
            r"`target` should be classes of the model, from 0 to 9.*Found `target = 10`",
        ),
        ({"labels": [1]}, r"`labels` should be integers, one for each of 2 images"),
        (
            {"labels": [0, 10]},
            r"`labels` should be classes of the model, from 0 to 9.*Found `labels = 10`",
        ),
        ({"labels": [0, -1]}, r"Found `labels = -1`"),
        ({"labels": None}, r"Pass `labels`, or another target"),
    ],
)
def test_refuses_invalid_arguments(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"labels": [0, 1]} | options
    with pytest.raises(UsageError, match=message):
        occlusion_sensitivity(ConvNet(), random_images(2, 3, 32, 32), **arguments)


def test_one_output_allows_only_logit_score() -> None:
    class OneOutput(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    images = random_images(2, 1, 8, 8)
    result = occlusion_sensitivity(OneOutput(), images, [0, 0], window=4, score="logit")
    assert result.map().shape == (2, 8, 8)
    for score in ("prob", "logprob", "margin", "relative"):
        for call in (
            lambda score=score: result.map(score=score),
            lambda score=score: occlusion_sensitivity(OneOutput(), images, [0, 0], score=score),
        ):
            with pytest.raises(UsageError, match="`score` should be `logit` for a model with one"):
                call()


def test_relative_drop_of_zero_probability_is_zero() -> None:
    plain, under = (
        torch.tensor([[0.0, 2e3], [0.0, 1.0]]),
        torch.tensor([[[1e3, 0.0]], [[0.0, 0.0]]]),
    )
    result = compute_drops(plain, under, score="relative")
    p = 1 / (1 + math.exp(1))
    assert result[:, 0, 0].tolist() == pytest.approx([0.0, (p - 0.5) / p])


def test_refuses_image_without_batch_dimension() -> None:
    with pytest.raises(UsageError, match=r"floats of shape \(N, C, H, W\)"):
        occlusion_sensitivity(AnySize(), random_images(3, 8, 8), [0])


def test_error_names_image_and_window_of_infinite_value() -> None:
    class Dividing(nn.Module):
        """Infinite output if pixel (2, 3) is occluded with 0."""

        def forward(self, x: Tensor) -> Tensor:
            whole = 1 / x[:, 0, 2, 3]
            return torch.stack((whole, -whole), 1)

    images = random_images(3, 1, 6, 6) + 0.1
    images[0, 0, 2, 3] = 1.0
    with pytest.raises(FovealError, match="for image 0 under the window at row 2, column 2"):
        occlusion_sensitivity(
            Dividing(), images, [0, 0, 0], window=2, stride=2, fill=0.0, score="logit"
        )
