"""Accuracies under corruption against scikit-learn and by hand, and that all models see the same images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.evaluation import CORRUPTIONS, Robustness, corrupt, evaluate, robustness
from foveal.evaluation.random_occlusion import occlude
from foveal.seeding import make_generator

CLASSES = 4
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


class Linear(nn.Module):
    """A linear classifier of the mean color and contrast that keeps what it sees and says."""

    def __init__(self) -> None:
        super().__init__()
        weights = torch.randn(2, CLASSES, generator=torch.Generator().manual_seed(3))
        self.weight = nn.Parameter(weights)
        self.seen: list[Tensor] = []
        self.said: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.clone())
        flat = x.flatten(1)
        features = torch.stack((flat.mean(1) - 0.5, flat.std(1) - 0.28), 1)
        self.said.append(features @ self.weight)
        return self.said[-1]


def made(count: int, *shape: int, seed: int = 0) -> tuple[Images, Labels]:
    source = np.random.default_rng(seed)
    brightest = source.integers(128, 257, (count, 1, 1, 1))
    images = (source.random((count, *shape)) * brightest).astype(np.uint8)
    return images, source.integers(CLASSES, size=count)


def same(images: Tensor) -> Tensor:
    return images


def by_condition(parts: list[Tensor], conditions: int) -> list[Tensor]:
    """Join the batches of each condition; the conditions of one batch follow one another."""
    return [torch.cat(parts[start::conditions]) for start in range(conditions)]


def sees(
    images: Images, labels: Labels, *, model: Linear | None = None, **options: object
) -> list[Tensor]:
    """Return what a model sees: the images as they are, and under each condition."""
    model = model or Linear()
    found = robustness(model, images, labels, normalize=same, fill=0.5, **options)  # type: ignore[arg-type]
    return by_condition(model.seen, 1 + len(found.accuracy))


@pytest.mark.parametrize(
    ("shape", "batch_size"), [((8, 8, 3), 4), ((9, 14, 1), 1), ((9, 14, 1), 50)], ids=str
)
def test_accuracies_against_scikit_learn(shape: tuple[int, ...], batch_size: int) -> None:
    images, labels = made(11, *shape)
    model = Linear()
    found = robustness(
        model,
        images,
        labels,
        normalize=lambda x: (x - 0.1) / 0.9,
        fill=0.0,
        batch_size=batch_size,
    )
    said = by_condition(model.said, 31)
    expected = [accuracy_score(labels, logits.argmax(1)) for logits in said]
    assert len(set(expected)) > 2
    assert found.images == 11
    assert found.clean == pytest.approx(expected[0], abs=1e-12)
    np.testing.assert_allclose(found.accuracy, expected[1:], atol=1e-12)


def test_clean_accuracy_is_that_of_evaluate() -> None:
    images, labels = made(30, 6, 7, 3)
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    expected = evaluate(Linear(), [(tensors, torch.from_numpy(labels))]).accuracy
    found = robustness(Linear(), images, labels, normalize=same, fill=0.5, kinds=(), occlusion=())
    assert found.clean == expected
    assert found.accuracy.shape == (0,)


def test_conditions_stand_in_order_with_their_amounts() -> None:
    found = robustness(Linear(), *made(2, 8, 9, 3), normalize=same, fill=0.5)
    assert found.condition.tolist() == [
        name
        for name in ("occlusion", "noise", "blur", "contrast", "pixelate", "jpeg")
        for _ in SHARES
    ]
    assert found.severity.tolist() == [1, 2, 3, 4, 5] * 6
    assert found.amount[:10].tolist() == [*SHARES, 0.04, 0.06, 0.08, 0.09, 0.10]
    assert found.amount[-5:].tolist() == [80, 65, 58, 50, 40]


def test_large_images_have_the_parameters_of_imagenet() -> None:
    found = robustness(
        Linear(),
        *made(1, 224, 160, 3),
        normalize=same,
        fill=0.5,
        kinds=["jpeg", "noise"],
        occlusion=[0.25],
    )
    assert found.amount.tolist() == [0.25, 25, 18, 15, 10, 7, 0.08, 0.12, 0.18, 0.26, 0.38]


class Bright(nn.Module):
    """Class 1 if the image is brighter than the middle gray."""

    def forward(self, x: Tensor) -> Tensor:
        bright = x.mean((1, 2, 3)) - 0.5
        return torch.stack((-bright, bright), 1)


def black_and_white() -> tuple[Images, Labels]:
    images = np.zeros((5, 10, 20, 3), np.uint8)
    images[3:] = 255
    return images, np.array([0, 0, 1, 1, 1])  # one black image has the wrong label


def test_curve_by_hand() -> None:
    found = robustness(
        Bright(),
        *black_and_white(),
        normalize=same,
        fill=0.0,
        occlusion=(0.25, 0.75, 0.4, 1.0),
        kinds=("contrast",),
    )
    assert found.clean == 0.8
    severities, accuracies = found.curve("occlusion")
    assert severities.tolist() == [0, 1, 2, 3, 4]
    # Once more than half is hidden, white counts as black.
    assert accuracies.tolist() == [0.8, 0.8, 0.4, 0.8, 0.4]
    assert found.curve("contrast")[1].tolist() == [0.8] * 6
    with pytest.raises(UsageError, match=r"no condition 'noise'. Choose from: occlusion, contrast"):
        found.curve("noise")


def test_fill_may_differ_by_channel() -> None:
    images, labels = made(2, 6, 6, 3)
    model = Linear()
    fill = torch.tensor([0.25, 0.5, 2.0]).view(3, 1, 1)
    robustness(model, images, labels, normalize=same, fill=fill, occlusion=(1.0,), kinds=())
    assert torch.equal(model.seen[1], fill.expand(2, 3, 6, 6))


@pytest.mark.parametrize("shape", [(9, 14, 3), (32, 32, 1), (70, 40, 3)], ids=str)
def test_images_do_not_depend_on_batches_bit_by_bit(shape: tuple[int, ...]) -> None:
    images, labels = made(5, *shape)
    expected = sees(images, labels, batch_size=500)
    for found, wanted in zip(sees(images, labels, batch_size=2), expected, strict=True):
        assert torch.equal(found, wanted)  # the last batch is of one
    for found, wanted in zip(sees(images[:3], labels[:3]), expected, strict=True):
        assert torch.equal(found, wanted[:3])


def test_many_images_at_once_are_corrupted_as_few() -> None:
    images, labels = made(20, 128, 128, 1)  # more than are corrupted in one go
    expected = sees(images, labels, batch_size=7, kinds=["noise"])
    for found, wanted in zip(sees(images, labels, kinds=["noise"]), expected, strict=True):
        assert torch.equal(found, wanted)


def test_images_are_those_that_the_streams_of_the_seed_give() -> None:
    images, labels = made(5, 8, 11, 3)
    clean = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    found = iter(sees(images, labels, seed=9, batch_size=2))
    assert torch.equal(next(found), clean)
    for step, share in enumerate(SHARES, start=1):
        stream = make_generator(9, "robustness", "occlusion", step)
        assert torch.equal(next(found), occlude(clean, share, fill=0.5, generator=stream))
    for kind in CORRUPTIONS:
        for severity in range(1, 6):
            stream = make_generator(9, "robustness", kind, severity)
            assert torch.equal(next(found), corrupt(clean, kind, severity, generator=stream))


def test_seed_moves_noise_and_windows_and_nothing_else() -> None:
    images, labels = made(6, 12, 12, 3)
    pairs = zip(sees(images, labels, seed=0), sees(images, labels, seed=1), strict=True)
    equal = [torch.equal(one, other) for one, other in pairs]
    assert equal == [True] + [False] * 10 + [True] * 20


def test_images_do_not_depend_on_other_conditions() -> None:
    images, labels = made(4, 9, 9, 3)
    whole = sees(images, labels)
    part = sees(images, labels, kinds=["jpeg", "noise"], occlusion=SHARES[:2])
    wanted = [*whole[:3], *whole[26:31], *whole[6:11]]
    for one, other in zip(part, wanted, strict=True):
        assert torch.equal(one, other)


class Drawing(Linear):
    """A model that draws in eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(1)


class Overwriting(Linear):
    """A model that writes into what it is given, as an in-place ReLU would."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        x.zero_()
        return logits


@pytest.mark.parametrize("other", [Drawing, Overwriting])
def test_all_models_see_the_same_images(other: type[Linear]) -> None:
    images, labels = made(5, 8, 8, 3)
    before = images.copy()
    found = sees(images, labels, model=other(), batch_size=2)
    for one, wanted in zip(found, sees(images, labels, batch_size=2), strict=True):
        assert torch.equal(one, wanted)
    np.testing.assert_array_equal(images, before)


def test_generators_of_torch_are_untouched() -> None:
    state = torch.random.get_rng_state()
    sees(*made(3, 8, 8, 3))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_given_back_as_it_was(fails: bool) -> None:
    layers = [nn.Flatten(), nn.Linear(192, CLASSES), nn.BatchNorm1d(CLASSES), nn.Dropout(0.5)]
    model = nn.Sequential(*layers).train()
    layers[2].eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = made(4, 8, 8, 3)
    if fails:
        with pytest.raises(ZeroDivisionError):
            robustness(model, images, labels, normalize=lambda x: x * (1 // 0), fill=0.5)
    else:
        results = [robustness(model, images, labels, normalize=same, fill=0.5) for _ in range(2)]
        np.testing.assert_array_equal(results[0].accuracy, results[1].accuracy)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_no_graph_is_kept() -> None:
    model = Linear()
    robustness(model, *made(2, 8, 8, 3), normalize=same, fill=0.5)
    assert len(model.said) == 31
    assert not any(logits.requires_grad for logits in model.said)


def test_can_be_stored_without_pickle(tmp_path: Path) -> None:
    found = robustness(Linear(), *made(3, 8, 8, 3), normalize=same, fill=0.5)
    np.savez(tmp_path / "robustness.npz", **vars(found))
    with np.load(tmp_path / "robustness.npz", allow_pickle=False) as stored:
        back = Robustness(**{name: stored[name] for name in stored.files})
    for name in ("occlusion", *CORRUPTIONS):
        np.testing.assert_array_equal(back.curve(name), found.curve(name))


def test_takes_a_read_only_memory_map(tmp_path: Path) -> None:
    images, labels = made(5, 8, 8, 3)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    for one, wanted in zip(sees(mapped, labels), sees(images, labels), strict=True):
        assert torch.equal(one, wanted)


def test_labels_may_be_of_any_whole_type_and_logits_of_half_precision() -> None:
    images, labels = made(9, 8, 8, 3)
    expected = robustness(Linear(), images, labels, normalize=same, fill=0.5).accuracy
    small: Labels = labels.astype(np.uint8)
    found = robustness(Linear(), images, small, normalize=same, fill=0.5).accuracy
    np.testing.assert_array_equal(found, expected)

    images, labels = black_and_white()
    halves = robustness(Bright(), images, labels, normalize=Tensor.half, fill=0.0, kinds=())
    assert halves.clean == 0.8


class Broken(Linear):
    """Says NaN of white images with a black window, as soon as a tenth is hidden."""

    def forward(self, x: Tensor) -> Tensor:
        partly = (x.mean((1, 2, 3)) < 0.95) & (x.amax((1, 2, 3)) == 1)
        return super().forward(x).masked_fill(partly[:, None], float("nan"))


@pytest.mark.parametrize("batch_size", [2, 500])
def test_a_value_that_is_not_finite_is_named(batch_size: int) -> None:
    images, labels = black_and_white()
    with pytest.raises(FovealError, match="not finite for image 3 under occlusion of severity 2"):
        robustness(
            Broken(),
            images,
            labels,
            normalize=same,
            fill=0.0,
            occlusion=(0.0, 0.1),
            kinds=(),
            batch_size=batch_size,
        )


@pytest.mark.parametrize("shape", [(5,), (5, 4, 1), (4, 4)], ids=str)
def test_refuses_what_are_no_logits(shape: tuple[int, ...]) -> None:
    class Wrong(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(shape)

    with pytest.raises(FovealError, match=r"logits of shape \(5, K\) for 5 images. Found \("):
        robustness(Wrong(), *made(5, 8, 8, 3), normalize=same, fill=0.5)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1, 4]), r"`labels` should be in \[0, 4\)"),
        (np.array([0, -1, 3]), "`labels` should be at least 0"),
        (np.array([0, 1]), r"`labels` should be whole numbers of shape \(3,\)"),
        (np.array([[0], [1], [2]]), r"`labels` should be whole numbers of shape \(3,\)"),
        (np.array([0.0, 1.0, 2.0]), r"`labels` should be whole numbers of shape \(3,\)"),
    ],
)
def test_refuses_labels_that_do_not_fit(labels: Labels, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        robustness(Linear(), made(3, 8, 8, 3)[0], labels, normalize=same, fill=0.5)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, 8, 8, 3), np.float32),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
    ids=["floating", "three axes", "none"],
)
def test_refuses_images_of_another_form(images: Images) -> None:
    labels = np.zeros(len(images), np.int64)
    with pytest.raises(UsageError, match="`images` should be uint8"):
        robustness(Linear(), images, labels, normalize=same, fill=0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "`batch_size` should be at least 1"),
        ({"occlusion": (0.1, 1.5)}, r"`occlusion` should be shares in \[0, 1\]"),
        ({"kinds": ("noise", "fog")}, "no corruption 'fog'"),
        ({"kinds": ("noise", "noise")}, "`kinds` should be without repetition"),
        ({"fill": torch.zeros(3)}, "`fill` should be"),
    ],
)
def test_refuses_options_that_have_no_meaning(options: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"fill": 0.5, **options}
    with pytest.raises(UsageError, match=words):
        robustness(Linear(), *made(3, 8, 8, 3), normalize=same, **given)  # type: ignore[arg-type]


def test_jpeg_of_four_channels_is_refused_before_anything_runs() -> None:
    images, labels = made(3, 8, 8, 4)
    model = Linear()
    with pytest.raises(UsageError, match="of 1 or 3 channels for `jpeg`"):
        robustness(model, images, labels, normalize=same, fill=0.5)
    assert model.seen == []
    others = [kind for kind in CORRUPTIONS if kind != "jpeg"]
    found = robustness(model, images, labels, normalize=same, fill=0.5, kinds=others)
    assert len(found.accuracy) == 25
