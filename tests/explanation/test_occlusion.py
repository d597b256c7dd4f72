"""Occlusion maps against Captum, against closed forms, and against what must not change them."""

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

from explanation.small_networks import CLASSES, AnySize, LinearModel, some_images
from foveal.attention import available
from foveal.errors import FovealError, UsageError
from foveal.explanation import OCCLUSION_PRESETS, occlusion_sensitivity
from foveal.explanation.occlusion.scores import compute_drops
from foveal.explanation.occlusion.sweep import sweep_logits
from foveal.explanation.occlusion.windows import make_windows
from foveal.models import ConvNet, build_model


def softmaxed(model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda images: model(images).softmax(1)


def by_captum(
    model: nn.Module, images: Tensor, labels: Tensor, window: Any, stride: Any, fill: float | Tensor
) -> Tensor:
    channels = images.shape[1]
    if isinstance(fill, Tensor):
        fill = fill.reshape(1, -1, 1, 1).expand(1, *images.shape[1:])
    was = model.training
    model.eval()
    with torch.no_grad():
        found: Tensor = Occlusion(softmaxed(model)).attribute(
            images,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *stride),
            target=labels,
            baselines=fill,
            perturbations_per_eval=7,
        )
    model.train(was)
    return found[:, 0]


@pytest.mark.parametrize("variant", ["none", "channel", "spatial", "parallel", "series"])
@pytest.mark.parametrize("name", ["convnet", "resnet18"])
def test_equals_captum(name: str, variant: str) -> None:
    model = build_model(name, attention=variant, seed=0)
    count = 3 if name == "convnet" else 1
    images, labels = some_images(count, 3, 32, 32), torch.tensor([1, 7, 3])[:count]
    found = occlusion_sensitivity(model, images, labels, fill=0.0).map()
    expected = by_captum(model, images, labels, (8, 8), (4, 4), 0.0)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("window", "stride"),
    [((8, 8), (4, 4)), ((5, 7), (3, 2)), ((4, 4), (4, 4)), ((7, 3), (5, 3)), ((19, 26), (1, 1))],
)
@pytest.mark.parametrize("fill", [0.0, 0.3, torch.tensor([0.1, -0.4, 0.7])])
def test_equals_captum_over_geometries(
    window: tuple[int, int], stride: tuple[int, int], count: int, fill: Any
) -> None:
    model, images = AnySize(), some_images(count, 3, 19, 26)
    labels = torch.arange(count) + 2
    found = occlusion_sensitivity(
        model, images, labels, window=window, stride=stride, fill=fill, chunk=5
    )
    expected = by_captum(model, images, labels, window, stride, fill)
    torch.testing.assert_close(found.map(), expected, atol=1e-6, rtol=0)


def test_every_class_equals_captum() -> None:
    model, images = AnySize(), some_images(2, 3, 17, 21)
    found = occlusion_sensitivity(model, images, window=6, stride=3, fill=0.0, target="all").map()
    for k in range(CLASSES):
        expected = by_captum(model, images, torch.tensor([k, k]), (6, 6), (3, 3), 0.0)
        torch.testing.assert_close(found[:, k], expected, atol=1e-6, rtol=0)


def test_the_preset_is_what_captum_does_by_itself() -> None:
    model, images = AnySize().eval(), some_images(2, 3, 16, 16)
    found = occlusion_sensitivity(
        model, images, [4, 9], window=4, **OCCLUSION_PRESETS["captum"]
    ).map()
    expected = Occlusion(model).attribute(
        images, sliding_window_shapes=(3, 4, 4), strides=(3, 2, 2), target=torch.tensor([4, 9])
    )
    torch.testing.assert_close(found, expected[:, 0].detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "window", "stride", "edge", "score"),
    [
        ("captum", (10, 8), (5, 4), "clip", "logit"),
        ("mathworks", (8, 7), (4, 4), "clip", "prob"),
        ("monai", (16, 16), (12, 12), "shift", "prob"),
    ],
)
def test_presets_are_what_is_documented(
    name: str, window: tuple[int, int], stride: tuple[int, int], edge: str, score: str
) -> None:
    images = some_images(2, 3, 40, 32)
    fills = {
        "captum": torch.zeros(3),
        "mathworks": images.mean((0, 2, 3)),
        "monai": images.mean((2, 3), keepdim=True),
    }
    found = occlusion_sensitivity(AnySize(), images, [0, 4], **OCCLUSION_PRESETS[name])
    expected = occlusion_sensitivity(
        AnySize(), images, [0, 4], window=window, stride=stride, fill=fills[name], edge=edge,
        score=score, target="label",
    )  # fmt: skip
    assert found.windows == expected.windows
    torch.testing.assert_close(found.map(), expected.map(), atol=1e-6, rtol=0)
    assert bool(found.map().abs().flatten(1).amax(1).gt(1e-4).all())


def test_presets_are_all_tested() -> None:
    assert set(OCCLUSION_PRESETS) == {"captum", "mathworks", "monai"}


@pytest.mark.parametrize("edge", ["clip", "shift", "center", "drop"])
def test_closed_form_of_a_linear_model(edge: str) -> None:
    shape, fill = (2, 9, 11), 0.25
    model, images = LinearModel(shape), some_images(3, *shape)
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


def test_a_window_of_the_whole_image_gives_a_constant() -> None:
    shape = (1, 6, 5)
    model, images = LinearModel(shape), some_images(1, *shape)
    found = occlusion_sensitivity(model, images, [1], window=(6, 5), fill=0.5, score="logit").map()
    expected = model(images)[0, 1] - model(torch.full((1, *shape), 0.5))[0, 1]
    torch.testing.assert_close(found, expected.detach().expand(1, 6, 5), atol=1e-5, rtol=0)


def test_a_constant_model_sees_nothing() -> None:
    head = nn.Linear(48, 4)
    nn.init.zeros_(head.weight)
    model = nn.Sequential(nn.Flatten(), head)
    result = occlusion_sensitivity(model, some_images(2, 3, 4, 4), [0, 1], window=2)
    assert not result.map().any()
    assert not result.flip_map().any()


@pytest.mark.parametrize("score", ["prob", "logit", "logprob", "margin", "relative"])
def test_scores_follow_from_the_logits_of_one_sweep(score: str) -> None:
    model, images, fill = AnySize(), some_images(2, 3, 8, 8), torch.tensor([0.5, 0.1, 0.9])
    labels = torch.tensor([2, 6])
    result = occlusion_sensitivity(model, images, labels, window=8, fill=fill)

    def value(logits: Tensor) -> Tensor:
        own = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -torch.inf)
        p = logits.softmax(1).gather(1, labels[:, None])[:, 0]
        return {
            "prob": p,
            "logit": own,
            "logprob": p.log(),
            "margin": own - others.amax(1),
            "relative": p,
        }[score]

    hidden = fill.reshape(1, 3, 1, 1).expand(2, 3, 8, 8)
    before, under = value(model(images).detach()), value(model(hidden).detach())
    expected = (before - under) / before if score == "relative" else before - under
    torch.testing.assert_close(result.grid(score=score).view(2), expected, atol=1e-5, rtol=1e-5)


def test_flips_and_accuracy_by_hand() -> None:
    # One pixel decides: class 1 where it is above a half.
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


def test_what_is_infinite_under_the_window_does_not_count() -> None:
    class Bounded(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            total = x.clamp(0, 1).sum((1, 2, 3))
            return torch.stack((total, -total), 1)

    images = torch.full((1, 1, 4, 4), 0.5)
    images[0, 0, 1, 1] = torch.inf
    found = occlusion_sensitivity(Bounded(), images, [0], window=2, fill=0.0, score="logit").map()
    assert bool(found.isfinite().all())
    expected = Occlusion(Bounded()).attribute(images, (1, 2, 2), target=0)
    assert bool(expected.isnan().any())


def test_several_models_share_one_sweep_and_each_has_its_own_map() -> None:
    models = {name: build_model("convnet", attention=name, seed=0) for name in ("none", "series")}
    images = some_images(2, 3, 32, 32)
    both = occlusion_sensitivity(models, images, [0, 5])
    for name, model in models.items():
        alone = occlusion_sensitivity(model, images, [0, 5])
        torch.testing.assert_close(both.map(name), alone.map(), atol=1e-6, rtol=0)
    with pytest.raises(UsageError, match="'none', 'series'"):
        both.map()
    with pytest.raises(UsageError, match="Did you mean 'series'"):
        both.map("serie")


@pytest.mark.parametrize("chunk", [1, 2, 7, 200])
def test_does_not_depend_on_the_chunk(chunk: int) -> None:
    model, images = build_model("convnet", attention="series", seed=1), some_images(3, 3, 32, 32)
    found = occlusion_sensitivity(model, images, [1, 2, 3], chunk=chunk).map()
    expected = occlusion_sensitivity(model, images, [1, 2, 3]).map()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_channels_last_changes_nothing() -> None:
    model, images = build_model("convnet", attention="series", seed=1), some_images(2, 3, 32, 32)
    last = images.contiguous(memory_format=torch.channels_last)
    found = occlusion_sensitivity(model, last, [1, 2]).map()
    torch.testing.assert_close(
        found, occlusion_sensitivity(model, images, [1, 2]).map(), atol=1e-6, rtol=0
    )


def test_bfloat16_images_and_model() -> None:
    model, images = AnySize(), some_images(1, 3, 16, 16)
    expected = occlusion_sensitivity(model, images, [1], score="logit").map()
    half = copy.deepcopy(model).bfloat16()
    found = occlusion_sensitivity(half, images.bfloat16(), [1], score="logit").map()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)
    # The same pixels in float32 are cast to what the model takes.
    cast = occlusion_sensitivity(half, images.bfloat16().float(), [1], fill=0.0, score="logit")
    same = occlusion_sensitivity(half, images.bfloat16(), [1], fill=0.0, score="logit")
    assert torch.equal(cast.map(), same.map())
    several = {"half": half, "double": copy.deepcopy(model).double()}
    both = occlusion_sensitivity(several, images, [1], fill=["mean", "blur"], score="logit")
    single = occlusion_sensitivity(model, images, [1], fill=["mean", "blur"], score="logit")
    torch.testing.assert_close(both.map("double"), single.map(), atol=1e-5, rtol=0)


def test_a_mirrored_image_has_a_mirrored_map() -> None:
    images = some_images(1, 3, 12, 16)
    model = AnySize()
    mirrored = copy.deepcopy(model)
    mirrored.conv.weight.data = model.conv.weight.data.flip(3)
    found = occlusion_sensitivity(mirrored, images.flip(3), [4], window=4).map()
    expected = occlusion_sensitivity(model, images, [4], window=4).map().flip(2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", available())
def test_leaves_model_hooks_and_generators_alone(name: str) -> None:
    model = build_model("convnet", attention=name, seed=0).train()
    next(model.children()).eval()
    seen: list[int] = []
    handle = model.register_forward_hook(lambda *_: seen.append(1))
    modes = [module.training for module in model.modules()]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    occlusion_sensitivity(model, some_images(2, 3, 32, 32), [0, 1], fill=["mean", "noise", "blur"])
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert len(seen) > 0
    assert handle.id in model._forward_hooks


def test_the_mode_comes_back_after_a_failure() -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("not today")

    model = Failing().train()
    with pytest.raises(ValueError, match="not today"):
        occlusion_sensitivity(model, some_images(1, 3, 8, 8), [0])
    assert model.training


def test_several_fills_are_swept_each_and_agree_or_not() -> None:
    model, images = AnySize(), some_images(2, 3, 16, 16)
    both = occlusion_sensitivity(model, images, [1, 2], fill=["mean", 0.0])
    each = [occlusion_sensitivity(model, images, [1, 2], fill=f).map() for f in ("mean", 0.0)]
    torch.testing.assert_close(both.map(fill="0.0"), each[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(both.map(), (each[0] + each[1]) / 2, atol=1e-6, rtol=0)
    twice = occlusion_sensitivity(model, images, [1, 2], fill=[0.0, 1e-7])
    assert bool((twice.fill_agreement() > 0.999).all())
    assert both.fill_agreement().shape == (2,)


@pytest.mark.parametrize(("most", "chunk"), [(100, 16), (3, 16), (100, 1)])
def test_every_forward_is_counted_once(most: int, chunk: int) -> None:
    model, images = Short(most, MemoryError), some_images(2, 3, 16, 12)
    windows, fills = make_windows((16, 12), window=5), [torch.zeros(1, 1, 1, 1), images.flip(3)]
    done: list[int] = []
    outputs: list[int] = []
    found = sweep_logits(
        model,
        images,
        windows,
        fills,
        chunk=chunk,
        check_class_count=outputs.append,
        advance=done.append,
    )
    assert found.shape == (2, 2, windows.count + 1, CLASSES)
    assert sum(done) == found[..., 0].numel()
    assert done == model.sizes
    assert max(done) <= min(most, chunk)
    assert outputs == [CLASSES]


def test_the_bar_is_for_the_eyes_only(capsys: pytest.CaptureFixture[str]) -> None:
    occlusion_sensitivity(AnySize(), some_images(2, 3, 16, 16), [0, 1], progress=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("most", [6, 1000])
def test_a_listener_hears_of_every_pass_and_can_end_the_sweep(most: int) -> None:
    heard: list[tuple[int, int]] = []

    def listen(done: int, total: int) -> None:
        heard.append((done, total))
        if len(heard) == most:
            raise InterruptedError

    models, images = {"a": AnySize(), "b": AnySize()}, some_images(2, 3, 16, 16)
    total = 2 * 2 * 2 * (make_windows((16, 16)).count + 1)
    with nullcontext() if most > total else pytest.raises(InterruptedError):
        occlusion_sensitivity(
            models, images, [0, 1], fill=["mean", "noise"], chunk=7, progress=listen
        )
    done = [count for count, of in heard if of == total]
    assert len(done) == len(heard) <= most
    assert all(0 < after - before <= 7 for before, after in itertools.pairwise([0, *done]))
    assert (done[-1] == total) is (most > total)


class OnMeta(nn.Module):
    """A model on a device that has no values, which answers from the CPU; it notes how much it is given."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, device=device))
        self.seen: list[tuple[str, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.device.type, len(x)))
        return torch.zeros(len(x), 2)


def test_the_chunk_follows_the_device_of_each_model() -> None:
    models = {device: OnMeta(device) for device in ("cpu", "meta")}
    occlusion_sensitivity(models, some_images(2, 3, 32, 32), [0, 1])
    assert models["meta"].seen == [("meta", 2 * 50)]  # at once
    assert models["cpu"].seen == [("cpu", 50)] * 2


def test_many_forwards_are_warned_of() -> None:
    class Cheap(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    with pytest.warns(UserWarning, match="20,208 forward passes"):
        occlusion_sensitivity(Cheap(), torch.rand(24, 2, 29, 29), [0] * 24, window=1, stride=1)


class Short(nn.Module):
    """A model for which memory runs out beyond so many images."""

    def __init__(self, most: int, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.most, self.error, self.sizes = most, error, list[int]()
        self.inner = AnySize()

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.error()
        self.sizes.append(len(x))
        found: Tensor = self.inner(x)
        return found


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
def test_where_memory_runs_out_the_chunk_is_halved(error: Callable[[], Exception]) -> None:
    model, images = Short(3, error), some_images(1, 3, 16, 16)
    found = occlusion_sensitivity(model, images, [1], chunk=16).map()
    expected = occlusion_sensitivity(model.inner, images, [1], chunk=16).map()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert max(model.sizes) <= 3
    with pytest.raises(FovealError, match="not enough memory for one image"):
        occlusion_sensitivity(Short(0, error), images, [1])


def test_another_error_is_not_taken_for_missing_memory() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        occlusion_sensitivity(
            Short(0, lambda: RuntimeError("mat1 and mat2 shapes")), some_images(1, 3, 8, 8), [0]
        )


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Count the bytes of all storages that operations have made and that are still alive.

    What was `there` before is not counted where an operation returns a view of it.
    """

    def __init__(self, there: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live, self.peak = 0, 0
        self.known = {there.untyped_storage()._cdata}

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else (out,):
            if isinstance(one, Tensor):
                self.count(one.untyped_storage())
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
def test_memory_stays_within_twice_the_chunk_and_the_logits(fill: Any) -> None:
    class Pooling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[:, :, ::4, ::4].flatten(1)

    images = some_images(4, 3, 64, 48)
    chunk, classes = 2, 3 * 16 * 12
    counted = LiveBytes(images)
    gc.disable()
    with counted:
        result = occlusion_sensitivity(
            Pooling(), images, [0] * 4, fill=fill, window=16, chunk=chunk, score="logit",
            normalization=(0, 1),
        )  # fmt: skip
    gc.enable()
    of_fill = images.nbytes if fill == "blur" else 0
    logits = len(result.fills) * len(images) * (result.windows.count + 1) * classes * 4
    masks_and_ranges = chunk * 64 * 48 + 10_000
    answers = (
        4 * chunk * classes * 4
    )  # of one pass, and what it takes to see whether they are finite
    # Making the blur takes a few copies of the images, before the sweep.
    bound = (
        max(2 * chunk * images[0].nbytes + logits + masks_and_ranges + answers, 4 * of_fill)
        + of_fill
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
def test_wrong_use_is_refused(options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"labels": [0, 1]} | options
    with pytest.raises(UsageError, match=message):
        occlusion_sensitivity(ConvNet(), some_images(2, 3, 32, 32), **arguments)


def test_one_output_has_a_logit_only() -> None:
    class OneOutput(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    images = some_images(2, 1, 8, 8)
    result = occlusion_sensitivity(OneOutput(), images, [0, 0], window=4, score="logit")
    assert result.map().shape == (2, 8, 8)
    for score in ("prob", "logprob", "margin", "relative"):
        for ask in (
            lambda score=score: result.map(score=score),
            lambda score=score: occlusion_sensitivity(OneOutput(), images, [0, 0], score=score),
        ):
            with pytest.raises(UsageError, match="`score` should be `logit` for a model with one"):
                ask()


def test_nothing_falls_from_nothing() -> None:
    plain, under = (
        torch.tensor([[0.0, 2e3], [0.0, 1.0]]),
        torch.tensor([[[1e3, 0.0]], [[0.0, 0.0]]]),
    )
    found = compute_drops(plain, under, score="relative")
    p = 1 / (1 + math.exp(1))
    assert found[:, 0, 0].tolist() == pytest.approx([0.0, (p - 0.5) / p])


def test_a_single_image_without_a_batch_is_refused() -> None:
    with pytest.raises(UsageError, match=r"floats of shape \(N, C, H, W\)"):
        occlusion_sensitivity(AnySize(), some_images(3, 8, 8), [0])


def test_a_value_that_is_not_finite_is_refused_with_its_place() -> None:
    class Dividing(nn.Module):
        """Infinite where the third row of the second image is hidden."""

        def forward(self, x: Tensor) -> Tensor:
            whole = 1 / x[:, 0, 2, 3]
            return torch.stack((whole, -whole), 1)

    images = some_images(3, 1, 6, 6) + 0.1
    images[0, 0, 2, 3] = 1.0
    with pytest.raises(FovealError, match="for image 0 under the window at row 2, column 2"):
        occlusion_sensitivity(
            Dividing(), images, [0, 0, 0], window=2, stride=2, fill=0.0, score="logit"
        )
