"""Robustness compared with scikit-learn and by hand; all models see the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.evaluation import CORRUPTIONS, Robustness, corrupt_images, evaluate, measure_robustness
from foveal.evaluation.random_occlusion import occlude_randomly
from foveal.seeding import make_generator

CLASSES = 4
FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5)
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class Linear(nn.Module):
    """A linear classifier of brightness and contrast that records its inputs and logits."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(2, CLASSES, generator=torch.Generator().manual_seed(3))
        self.weight = nn.Parameter(weights)
        self.inputs: list[Tensor] = []
        self.logits: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.inputs.append(x.clone())
        flat = x.flatten(1)
        features = torch.stack((flat.mean(1) - 0.5, flat.std(1) - 0.28), 1)
        self.logits.append(features @ self.weight)
        return self.logits[-1]


def make_data(count: int, *shape: int, seed: int = 0) -> tuple[Images, Labels]:
    rng = np.random.default_rng(seed)
    brightest = rng.integers(128, 257, (count, 1, 1, 1))
    images = (rng.random((count, *shape)) * brightest).astype(np.uint8)
    return images, rng.integers(CLASSES, size=count)


def keep_images(images: Tensor) -> Tensor:
    return images


def group_by_condition(batches: list[Tensor], conditions: int) -> list[Tensor]:
    """Concatenate the batches of each condition; the conditions of a batch are consecutive."""
    return [torch.cat(batches[start::conditions]) for start in range(conditions)]


def record_inputs(
    images: Images, labels: Labels, *, model: Linear | None = None, **options: object
) -> list[Tensor]:
    """Return the inputs of a model: the clean images, and the images under each condition."""
    model = model or Linear()
    result = measure_robustness(model, images, labels, normalize=keep_images, fill=0.5, **options)  # type: ignore[arg-type]
    return group_by_condition(model.inputs, 1 + len(result.accuracy))


@pytest.mark.parametrize(
    ("shape", "batch_size"), [((8, 8, 3), 4), ((9, 14, 1), 1), ((9, 14, 1), 50)], ids=str
)
def test_accuracies_equal_scikit_learn(shape: tuple[int, ...], batch_size: int) -> None:
    images, labels = make_data(11, *shape)
    model = Linear()
    result = measure_robustness(
        model,
        images,
        labels,
        normalize=lambda x: (x - 0.1) / 0.9,
        fill=0.0,
        batch_size=batch_size,
    )
    recorded = group_by_condition(model.logits, 31)
    expected = [accuracy_score(labels, logits.argmax(1)) for logits in recorded]
    assert len(set(expected)) > 2
    assert result.images == 11
    assert result.clean == pytest.approx(expected[0], abs=1e-12)
    np.testing.assert_allclose(result.accuracy, expected[1:], atol=1e-12)


def test_clean_accuracy_equals_evaluate() -> None:
    images, labels = make_data(30, 6, 7, 3)
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    expected = evaluate(Linear(), [(tensors, torch.from_numpy(labels))]).accuracy
    result = measure_robustness(
        Linear(), images, labels, normalize=keep_images, fill=0.5, kinds=(), occlusion=()
    )
    assert result.clean == expected
    assert result.accuracy.shape == (0,)


def test_conditions_are_in_order_with_their_amounts() -> None:
    result = measure_robustness(Linear(), *make_data(2, 8, 9, 3), normalize=keep_images, fill=0.5)
    assert result.condition.tolist() == [
        name
        for name in ("occlusion", "noise", "blur", "contrast", "pixelate", "jpeg")
        for _ in FRACTIONS
    ]
    assert result.severity.tolist() == [1, 2, 3, 4, 5] * 6
    assert result.amount[:10].tolist() == [*FRACTIONS, 0.04, 0.06, 0.08, 0.09, 0.10]
    assert result.amount[-5:].tolist() == [80, 65, 58, 50, 40]


def test_large_images_use_imagenet_amounts() -> None:
    result = measure_robustness(
        Linear(),
        *make_data(1, 224, 160, 3),
        normalize=keep_images,
        fill=0.5,
        kinds=["jpeg", "noise"],
        occlusion=[0.25],
    )
    assert result.amount.tolist() == [0.25, 25, 18, 15, 10, 7, 0.08, 0.12, 0.18, 0.26, 0.38]


class BrightnessClassifier(nn.Module):
    """A classifier that returns class 1 for images brighter than middle gray."""

    def forward(self, x: Tensor) -> Tensor:
        bright = x.mean((1, 2, 3)) - 0.5
        return torch.stack((-bright, bright), 1)


def black_and_white() -> tuple[Images, Labels]:
    images = np.zeros((5, 10, 20, 3), np.uint8)
    images[3:] = 255
    return images, np.array([0, 0, 1, 1, 1])  # one black image has the wrong label


def test_curve_by_hand() -> None:
    result = measure_robustness(
        BrightnessClassifier(),
        *black_and_white(),
        normalize=keep_images,
        fill=0.0,
        occlusion=(0.25, 0.75, 0.4, 1.0),
        kinds=("contrast",),
    )
    assert result.clean == 0.8
    severities, accuracies = result.curve("occlusion")
    assert severities.tolist() == [0, 1, 2, 3, 4]
    # Once more than half is hidden, white counts as black.
    assert accuracies.tolist() == [0.8, 0.8, 0.4, 0.8, 0.4]
    assert result.curve("contrast")[1].tolist() == [0.8] * 6
    with pytest.raises(UsageError, match=r"no condition 'noise'. Choose from: occlusion, contrast"):
        result.curve("noise")


def test_fill_can_differ_between_channels() -> None:
    images, labels = make_data(2, 6, 6, 3)
    model = Linear()
    fill = torch.tensor([0.25, 0.5, 2.0]).view(3, 1, 1)
    measure_robustness(
        model, images, labels, normalize=keep_images, fill=fill, occlusion=(1.0,), kinds=()
    )
    assert torch.equal(model.inputs[1], fill.expand(2, 3, 6, 6))


@pytest.mark.parametrize("shape", [(9, 14, 3), (32, 32, 1), (70, 40, 3)], ids=str)
def test_images_are_bitwise_independent_of_the_batch_size(shape: tuple[int, ...]) -> None:
    images, labels = make_data(5, *shape)
    expected = record_inputs(images, labels, batch_size=500)
    for actual, expected_images in zip(
        record_inputs(images, labels, batch_size=2), expected, strict=True
    ):
        assert torch.equal(actual, expected_images)  # the last batch has one image
    for actual, expected_images in zip(
        record_inputs(images[:3], labels[:3]), expected, strict=True
    ):
        assert torch.equal(actual, expected_images[:3])


def test_images_are_independent_of_the_chunk_size() -> None:
    images, labels = make_data(20, 128, 128, 1)  # more than one chunk
    expected = record_inputs(images, labels, batch_size=7, kinds=["noise"])
    for actual, expected_images in zip(
        record_inputs(images, labels, kinds=["noise"]), expected, strict=True
    ):
        assert torch.equal(actual, expected_images)


def test_images_follow_from_the_seed() -> None:
    images, labels = make_data(5, 8, 11, 3)
    clean = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    inputs = iter(record_inputs(images, labels, seed=9, batch_size=2))
    assert torch.equal(next(inputs), clean)
    for step, fraction in enumerate(FRACTIONS, start=1):
        stream = make_generator(9, "robustness", "occlusion", step)
        assert torch.equal(
            next(inputs), occlude_randomly(clean, fraction, fill=0.5, generator=stream)
        )
    for kind in CORRUPTIONS:
        for severity in range(1, 6):
            stream = make_generator(9, "robustness", kind, severity)
            assert torch.equal(
                next(inputs), corrupt_images(clean, kind, severity, generator=stream)
            )


def test_seed_changes_only_noise_and_windows() -> None:
    images, labels = make_data(6, 12, 12, 3)
    pairs = zip(
        record_inputs(images, labels, seed=0), record_inputs(images, labels, seed=1), strict=True
    )
    equal = [torch.equal(first, second) for first, second in pairs]
    assert equal == [True] + [False] * 10 + [True] * 20


def test_images_are_independent_of_the_other_conditions() -> None:
    images, labels = make_data(4, 9, 9, 3)
    whole = record_inputs(images, labels)
    subset = record_inputs(images, labels, kinds=["jpeg", "noise"], occlusion=FRACTIONS[:2])
    expected_images = [*whole[:3], *whole[26:31], *whole[6:11]]
    for actual, expected in zip(subset, expected_images, strict=True):
        assert torch.equal(actual, expected)


class RandomizedModel(Linear):
    """A model that draws random numbers in eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(1)


class InPlaceModel(Linear):
    """A model that overwrites its input, as an in-place ReLU would."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        x.zero_()
        return logits


@pytest.mark.parametrize("model_class", [RandomizedModel, InPlaceModel])
def test_all_models_see_the_same_images(model_class: type[Linear]) -> None:
    images, labels = make_data(5, 8, 8, 3)
    before = images.copy()
    inputs = record_inputs(images, labels, model=model_class(), batch_size=2)
    for actual, expected_images in zip(
        inputs, record_inputs(images, labels, batch_size=2), strict=True
    ):
        assert torch.equal(actual, expected_images)
    np.testing.assert_array_equal(images, before)


def test_keeps_the_global_random_state() -> None:
    state = torch.random.get_rng_state()
    record_inputs(*make_data(3, 8, 8, 3))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("fails", [False, True])
def test_restores_modes_and_state_of_the_model(fails: bool) -> None:
    layers = [nn.Flatten(), nn.Linear(192, CLASSES), nn.BatchNorm1d(CLASSES), nn.Dropout(0.5)]
    model = nn.Sequential(*layers).train()
    layers[2].eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = make_data(4, 8, 8, 3)
    if fails:
        with pytest.raises(ZeroDivisionError):
            measure_robustness(model, images, labels, normalize=lambda x: x * (1 // 0), fill=0.5)
    else:
        results = [
            measure_robustness(model, images, labels, normalize=keep_images, fill=0.5)
            for _ in range(2)
        ]
        np.testing.assert_array_equal(results[0].accuracy, results[1].accuracy)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_records_no_autograd_graph() -> None:
    model = Linear()
    measure_robustness(model, *make_data(2, 8, 8, 3), normalize=keep_images, fill=0.5)
    assert len(model.logits) == 31
    assert not any(logits.requires_grad for logits in model.logits)


def test_can_be_stored_without_pickle(tmp_path: Path) -> None:
    result = measure_robustness(Linear(), *make_data(3, 8, 8, 3), normalize=keep_images, fill=0.5)
    np.savez(tmp_path / "robustness.npz", **vars(result))
    with np.load(tmp_path / "robustness.npz", allow_pickle=False) as stored:
        back = Robustness(**{name: stored[name] for name in stored.files})
    for name in ("occlusion", *CORRUPTIONS):
        np.testing.assert_array_equal(back.curve(name), result.curve(name))


def test_accepts_a_read_only_memory_map(tmp_path: Path) -> None:
    images, labels = make_data(5, 8, 8, 3)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    for actual, expected_images in zip(
        record_inputs(mapped, labels), record_inputs(images, labels), strict=True
    ):
        assert torch.equal(actual, expected_images)


def test_accepts_any_integer_labels_and_half_precision_logits() -> None:
    images, labels = make_data(9, 8, 8, 3)
    expected = measure_robustness(
        Linear(), images, labels, normalize=keep_images, fill=0.5
    ).accuracy
    small: Labels = labels.astype(np.uint8)
    result = measure_robustness(Linear(), images, small, normalize=keep_images, fill=0.5).accuracy
    np.testing.assert_array_equal(result, expected)

    images, labels = black_and_white()
    halves = measure_robustness(
        BrightnessClassifier(), images, labels, normalize=Tensor.half, fill=0.0, kinds=()
    )
    assert halves.clean == 0.8


class NaNModel(Linear):
    """A model that returns NaN for white images with a black window of at least a tenth."""

    def forward(self, x: Tensor) -> Tensor:
        partly = (x.mean((1, 2, 3)) < 0.95) & (x.amax((1, 2, 3)) == 1)
        return super().forward(x).masked_fill(partly[:, None], float("nan"))


@pytest.mark.parametrize("batch_size", [2, 500])
def test_error_names_image_and_condition_of_a_non_finite_value(batch_size: int) -> None:
    images, labels = black_and_white()
    with pytest.raises(FovealError, match="not finite for image 3 under occlusion of severity 2"):
        measure_robustness(
            NaNModel(),
            images,
            labels,
            normalize=keep_images,
            fill=0.0,
            occlusion=(0.0, 0.1),
            kinds=(),
            batch_size=batch_size,
        )


@pytest.mark.parametrize("shape", [(5,), (5, 4, 1), (4, 4)], ids=str)
def test_refuses_outputs_that_are_not_logits(shape: tuple[int, ...]) -> None:
    class Wrong(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(shape)

    with pytest.raises(FovealError, match=r"logits of shape \(5, K\) for 5 images. Found \("):
        measure_robustness(Wrong(), *make_data(5, 8, 8, 3), normalize=keep_images, fill=0.5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, 4]), r"`labels` should be in \[0, 4\)"),
        (np.array([0, -1, 3]), "`labels` should be at least 0"),
        (np.array([0, 1]), r"`labels` should be whole numbers of shape \(3,\)"),
        (np.array([[0], [1], [2]]), r"`labels` should be whole numbers of shape \(3,\)"),
        (np.array([0.0, 1.0, 2.0]), r"`labels` should be whole numbers of shape \(3,\)"),
    ],
)
def test_refuses_invalid_labels(labels: Labels, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        measure_robustness(
            Linear(), make_data(3, 8, 8, 3)[0], labels, normalize=keep_images, fill=0.5
        )


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, 8, 8, 3), np.float32),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
    ids=["floating", "three axes", "none"],
)
def test_refuses_invalid_images(images: Images) -> None:
    labels = np.zeros(len(images), np.int64)
    with pytest.raises(UsageError, match="`images` should be uint8"):
        measure_robustness(Linear(), images, labels, normalize=keep_images, fill=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` should be an integer, at least 1"),
        ({"occlusion": (0.1, 1.5)}, r"`occlusion` should be fractions in \[0, 1\]"),
        ({"kinds": ("noise", "fog")}, "no corruption 'fog'"),
        ({"kinds": ("noise", "noise")}, "`kinds` should be without repetition"),
        ({"fill": torch.zeros(3)}, "`fill` should be"),
    ],
)
def test_refuses_invalid_options(options: dict[str, object], message: str) -> None:
    all_options: dict[str, object] = {"fill": 0.5, **options}
    with pytest.raises(UsageError, match=message):
        measure_robustness(Linear(), *make_data(3, 8, 8, 3), normalize=keep_images, **all_options)  # type: ignore[arg-type]


def test_refuses_jpeg_of_four_channels_before_running_the_model() -> None:
    images, labels = make_data(3, 8, 8, 4)
    model = Linear()
    with pytest.raises(UsageError, match="of 1 or 3 channels for `jpeg`"):
        measure_robustness(model, images, labels, normalize=keep_images, fill=0.5)
    assert model.inputs == []
    other_kinds = [kind for kind in CORRUPTIONS if kind != "jpeg"]
    result = measure_robustness(
        model, images, labels, normalize=keep_images, fill=0.5, kinds=other_kinds
    )
    assert len(result.accuracy) == 25
