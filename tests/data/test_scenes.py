"""Rendered scenes: determinism, the effect of each option, and shapes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import binary_dilation
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier

from foveal.data.dataset import Split
from foveal.data.scenes.generation import CLASSES, generate_scenes, render_scenes
from foveal.data.scenes.rng import GOLDEN_RATIO_INCREMENT, Plane, mix_bits
from foveal.data.scenes.shapes import (
    CROSS_CORNERS,
    SHAPES,
    make_polygon_distance,
    unit_shape_distance,
)
from foveal.errors import UsageError

LUMA = np.array([0.299, 0.587, 0.114])
EVERY_SHAPE = pytest.mark.parametrize("name", CLASSES)


@pytest.fixture(scope="module")
def scenes() -> Split:
    return render_scenes(np.arange(3000))


def get_column(split: Split, name: str) -> npt.NDArray[Any]:
    return split.columns[name]


def assert_equal_splits(first: Split, second: Split) -> None:
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.columns.keys() == second.columns.keys()
    for name, column in first.columns.items():
        np.testing.assert_array_equal(column, second.columns[name])


def test_image_is_independent_of_the_other_indices(scenes: Split) -> None:
    rows = np.array([1999, 0, 127, 128, 129, 7])
    assert_equal_splits(render_scenes(rows), scenes.take(rows))
    for row in rows:
        assert_equal_splits(render_scenes([int(row)]), scenes.take(np.array([row])))


def test_images_are_the_same_in_every_release_and_on_every_machine() -> None:
    split = render_scenes(np.arange(50), clutter=1.0)
    digest = hashlib.sha256(split.images.tobytes() + split.labels.tobytes())
    assert digest.hexdigest()[:16] == "032ad215080e208a"


def test_random_words_equal_splitmix64() -> None:
    # The published first outputs for seed 1234567.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    counter = np.arange(1, 5, dtype=np.uint64) * GOLDEN_RATIO_INCREMENT + np.uint64(1234567)
    assert mix_bits(counter).tolist() == expected


def test_splits_and_seeds_differ(scenes: Split) -> None:
    rows = np.arange(50)
    first = scenes.take(rows)
    for second in (render_scenes(rows, split="test"), render_scenes(rows, seed=1)):
        assert not np.array_equal(first.labels, second.labels)
        assert (first.images != second.images).any(axis=(1, 2, 3)).all()


def test_dtypes_and_shapes() -> None:
    split = render_scenes([3, 4], size=33)
    assert split.images.shape == (2, 33, 33, 3)
    assert split.images.dtype == np.uint8
    assert split.images.flags.c_contiguous
    assert split.labels.dtype == np.int64
    mask, area = get_column(split, "mask"), get_column(split, "area")
    assert mask.shape == (2, 33, 33)
    assert mask.dtype == np.bool_
    assert area.shape == (2,)
    assert area.dtype == np.float32
    assert get_column(split, "colorfulness").dtype == np.float32
    assert len(render_scenes([])) == 0


def test_area_is_the_fraction_of_the_mask(scenes: Split) -> None:
    mask = get_column(scenes, "mask")
    np.testing.assert_allclose(get_column(scenes, "area"), mask.mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize(("size", "object_size"), [(32, 5 / 32), (16, 5 / 16), (64, 0.6)])
def test_mask_is_never_empty_or_full(size: int, object_size: float) -> None:
    split = render_scenes(np.arange(600), size=size, object_size=object_size, clutter=1.0)
    area = get_column(split, "area")
    assert area.min() > 0
    assert area.max() < 0.8


def test_mask_separates_a_brighter_object_from_the_plain_background() -> None:
    split = render_scenes(np.arange(300), clutter=0.0)
    for image, mask in zip(split.images, get_column(split, "mask"), strict=True):
        luma = image @ LUMA
        near = binary_dilation(mask, iterations=3)
        plain = image[~near]
        assert (plain == np.median(plain, axis=0)).all(axis=1).mean() > 0.99
        assert luma[mask].mean() > luma[~near].mean() + 20


def test_larger_image_shows_the_same_scene() -> None:
    small, large = render_scenes(np.arange(200)), render_scenes(np.arange(200), size=64)
    np.testing.assert_array_equal(small.labels, large.labels)
    assert np.abs(get_column(small, "area") - get_column(large, "area")).max() < 0.03
    shrunk = large.images.reshape(200, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small.images).mean() < 12


def test_object_size_determines_the_area() -> None:
    areas = [
        get_column(render_scenes(np.arange(500), object_size=s), "area") for s in (0.2, 0.35, 0.5)
    ]
    assert (areas[0] < areas[1]).all()
    assert (areas[1] < areas[2]).all()
    # The square of a side that is uniform within 0.3 of its mean is 1.03 times the mean's square.
    plain = get_column(render_scenes(np.arange(500), object_size=0.3, clutter=0.0), "area")
    assert np.mean(plain, dtype=np.float64) == pytest.approx(1.03 * 0.3**2, rel=0.05)


def test_color_variation_changes_only_the_colorfulness() -> None:
    splits = [render_scenes(np.arange(300), color_variation=v) for v in (0.0, 0.25, 0.5, 1.0)]
    means = [float(get_column(split, "colorfulness").mean(dtype=np.float64)) for split in splits]
    assert means[0] == 0
    assert means[1] > 10
    assert means[2] > means[1] + 10
    assert means[3] > means[2] + 10
    for split in splits:
        np.testing.assert_array_equal(get_column(split, "mask"), get_column(splits[0], "mask"))


def test_clutter_adds_edges_and_hides_more_of_the_object() -> None:
    splits = [render_scenes(np.arange(300), clutter=c) for c in (0.0, 0.5, 1.0)]
    steps = [np.abs(np.diff(split.images.astype(np.int16), axis=2)).mean() for split in splits]
    areas = [float(get_column(split, "area").mean(dtype=np.float64)) for split in splits]
    assert steps[0] < steps[1] < steps[2]
    assert areas[0] > areas[1] > areas[2] > 0.8 * areas[0]


def test_each_block_of_ten_images_has_all_classes_in_random_order(scenes: Split) -> None:
    blocks = scenes.labels.reshape(-1, len(CLASSES))
    assert (np.sort(blocks, axis=1) == np.arange(len(CLASSES))).all()
    for position in range(len(CLASSES)):
        counts = np.bincount(blocks[:, position], minlength=len(CLASSES))
        assert counts.min() > 10


def test_area_color_and_position_do_not_reveal_the_class(scenes: Split) -> None:
    mask = get_column(scenes, "mask")
    inside = [image[m].mean(axis=0) for image, m in zip(scenes.images, mask, strict=True)]
    overall = scenes.images.mean(axis=(1, 2))
    features = np.column_stack(
        [get_column(scenes, "area"), get_column(scenes, "colorfulness"), np.array(inside), overall]
    )
    assert measure_forest_accuracy(features, scenes.labels) < 0.14
    y, x = np.meshgrid(np.arange(32), np.arange(32), indexing="ij")
    count = mask.sum(axis=(1, 2))
    centers = np.column_stack([(mask * axis).sum(axis=(1, 2)) / count for axis in (x, y)])
    assert measure_forest_accuracy(centers, scenes.labels) < 0.14


def measure_forest_accuracy(features: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
    forest = RandomForestClassifier(n_estimators=60, min_samples_leaf=10, random_state=0)
    forest.fit(features[:2000], labels[:2000])
    return float(forest.score(features[2000:], labels[2000:]))


def test_linear_model_stays_under_40_percent(scenes: Split) -> None:
    pixels = scenes.images.reshape(len(scenes), -1).astype(np.float32) / 255
    accuracies = []
    for alpha in (1e3, 1e4):
        model = RidgeClassifier(alpha=alpha).fit(pixels[:2000], scenes.labels[:2000])
        accuracies.append(model.score(pixels[2000:], scenes.labels[2000:]))
    assert max(accuracies) < 0.4


def test_crop_of_four_pixels_rarely_removes_half_of_the_object(scenes: Split) -> None:
    mask = get_column(scenes, "mask").astype(np.float64)
    remaining = [mask[:, 4:], mask[:, :-4], mask[:, :, 4:], mask[:, :, :-4]]
    worst = np.min([part.sum(axis=(1, 2)) for part in remaining], axis=0) / mask.sum(axis=(1, 2))
    assert (worst < 0.5).mean() < 0.01


def make_plane(reach: float, steps: int) -> tuple[Plane, Plane]:
    axis = ((np.arange(steps, dtype=np.float32) + 0.5) / steps * 2 - 1) * np.float32(reach)
    return axis[None, :], axis[:, None]


@EVERY_SHAPE
def test_a_shape_has_area_one_about_its_centroid(name: str) -> None:
    x, y = make_plane(1.2, 400)
    inside = unit_shape_distance(name, x, y) <= 0
    assert inside.mean() * 2.4**2 == pytest.approx(1, abs=0.01)
    rows, columns = np.nonzero(inside)
    assert abs(x[0, columns].mean()) < 0.01
    assert abs(y[rows, 0].mean()) < 0.01
    assert not inside[[0, -1]].any()
    assert not inside[:, [0, -1]].any()


@EVERY_SHAPE
def test_shape_is_mirror_symmetric(name: str) -> None:
    x, y = make_plane(1.2, 200)
    distance = unit_shape_distance(name, x, y)
    mirror = distance[::-1] if name == "crescent" else distance[:, ::-1]
    np.testing.assert_allclose(distance, mirror, atol=5e-3)


def test_disc_and_ring_have_exact_distances() -> None:
    x, y = make_plane(1.2, 50)
    from_center = np.hypot(x, y)
    np.testing.assert_allclose(SHAPES["circle"](x, y), from_center - 1, atol=1e-6)
    expected = np.maximum(from_center - 1, 0.56 - from_center)
    np.testing.assert_allclose(SHAPES["ring"](x, y), expected, atol=1e-6)


def test_polygon_distance_is_the_distance_to_the_nearest_side() -> None:
    corners = [*CROSS_CORNERS, *((-x, -y) for x, y in CROSS_CORNERS)]
    x, y = make_plane(1.2, 40)
    distance = make_polygon_distance(*corners)(x, y)
    ends = [*corners[1:], corners[0]]
    share = np.linspace(0, 1, 201)[:, None]
    sides = [np.array(a) + share * (np.array(b) - a) for a, b in zip(corners, ends, strict=True)]
    boundary = np.concatenate(sides)
    points = np.stack(np.broadcast_arrays(x, y), axis=-1)
    nearest = np.linalg.norm(points[:, :, None] - boundary, axis=-1).min(axis=-1)
    np.testing.assert_allclose(np.abs(distance), nearest, atol=5e-3)
    thin, wide = np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    np.testing.assert_array_equal(distance < 0, (thin < 0.33) & (wide < 1))


def test_generated_data_is_ready_for_training() -> None:
    data = generate_scenes(train_size=300, test_size=100, seed=3)
    assert (data.name, len(data.train), len(data.test)) == ("scenes", 300, 100)
    assert data.classes == CLASSES
    assert data.image_shape == (3, 32, 32)
    assert_equal_splits(data.train, render_scenes(np.arange(300), seed=3))
    assert_equal_splits(data.test, render_scenes(np.arange(100), split="test", seed=3))
    pixels = data.train.images.reshape(-1, 3) / 255
    np.testing.assert_allclose(data.mean, pixels.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(data.std, pixels.std(axis=0), rtol=1e-9)
    images, labels = next(data.training_batches(batch_size=64, seed=0, epoch=0))
    assert images.shape == (64, 3, 32, 32)
    assert labels.shape == (64,)


def test_checksum_distinguishes_data_sets() -> None:
    first, again, other = (
        generate_scenes(train_size=20, test_size=10, seed=seed).checksum for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 15}, "`size` should be an integer, at least 16"),
        ({"size": 32.0}, "`size` should be"),
        ({"object_size": 0.1}, r"from 0.16 \(5 of 32 pixels\) to 0.6. Found `object_size = 0.1`"),
        ({"object_size": 0.7}, "`object_size` should be"),
        ({"color_variation": -0.1}, "`color_variation` should be from 0 to 1"),
        ({"clutter": 1.1}, "`clutter` should be from 0 to 1"),
        ({"clutter": float("nan")}, "`clutter` should be from 0 to 1"),
        ({"train_size": 0}, "`train_size` should be an integer, at least 1"),
        ({"test_size": 2.5}, "`test_size` should be an integer, at least 1"),
    ],
)
def test_refuses_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        generate_scenes(**options)


def test_refuses_unknown_split_and_negative_index() -> None:
    with pytest.raises(UsageError, match="`split` should be one of 'train', 'test'"):
        render_scenes([0], split="validation")
    with pytest.raises(UsageError, match="`indices` should be at least 0"):
        render_scenes([2, -1])
