"""Measures of localization, compared with scikit-learn, values by hand, and chance levels for noise."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from foveal.errors import UsageError
from foveal.explanation import make_random_maps
from foveal.explanation.localization import Localization, boxes_to_masks, measure_localization

MEASURES = ("pointing", "energy", "auc")


def make_box_mask(height: int, width: int, *, rows: slice, columns: slice) -> NDArray[np.bool_]:
    mask = np.zeros((height, width), np.bool_)
    mask[rows, columns] = True
    return mask


def random_masks(count: int, height: int, width: int) -> NDArray[np.bool_]:
    masks = np.random.default_rng(5).random((count, height, width)) < 0.3
    assert (masks.any(axis=(1, 2)) & ~masks.all(axis=(1, 2))).all()
    return masks


def list_arrays(result: Localization) -> list[Any]:
    parts = [getattr(result, name) for name in MEASURES]
    return [part.values for part in parts] + [part.chance_levels for part in parts]


@pytest.mark.parametrize(("count", "height", "width"), [(1, 5, 9), (4, 8, 7)])
@pytest.mark.parametrize("levels", [3, 1000])
def test_auc_matches_scikit_learn_with_ties(
    count: int, height: int, width: int, levels: int
) -> None:
    maps = np.random.default_rng(0).integers(-levels, levels, (count, height, width)) / 7
    masks = random_masks(count, height, width)
    result = measure_localization(maps, masks).auc
    expected = [
        roc_auc_score(mask.ravel(), map_.ravel()) for mask, map_ in zip(masks, maps, strict=True)
    ]
    np.testing.assert_allclose(result.values, expected, rtol=1e-12)
    assert result.mean == pytest.approx(np.mean(expected))
    assert (result.mean_chance_level, result.image_count, result.excluded_count) == (0.5, count, 0)


@pytest.mark.parametrize(("height", "width", "tolerance"), [(6, 9, 0.34), (9, 5, 0.0), (7, 7, 0.3)])
def test_pointing_matches_search_over_pixels(height: int, width: int, tolerance: float) -> None:
    mask = random_masks(1, height, width)[0] & make_box_mask(
        height, width, rows=slice(2, 4), columns=slice(3)
    )
    truth = [(int(y), int(x)) for y, x in np.argwhere(mask)]
    radius = tolerance * min(height, width)
    hits = np.array(
        [
            [min(math.hypot(y - v, x - u) for v, u in truth) <= radius for x in range(width)]
            for y in range(height)
        ]
    )
    peaks = np.eye(height * width).reshape(-1, height, width)  # map_values map per pixel
    result = measure_localization(
        peaks, np.stack([mask] * len(peaks)), tolerance=tolerance
    ).pointing
    np.testing.assert_array_equal(result.values, hits.ravel())
    np.testing.assert_allclose(result.chance_levels, hits.mean())
    assert 0 < result.mean < 1


@pytest.mark.parametrize(("away", "hit"), [(14, 1.0), (15, 1.0), (16, 0.0)])
def test_tolerance_is_15_pixels_at_224_inclusive(away: int, hit: float) -> None:
    maps, masks = np.zeros((1, 224, 300)), np.zeros((1, 224, 300), np.bool_)
    masks[0, :, 20:40] = True
    maps[0, 100, 39 + away] = 1
    result = measure_localization(maps, masks).pointing
    assert result.mean == hit
    assert result.mean_chance_level == (20 + 2 * 15) / 300


def test_several_highest_pixels_score_their_share() -> None:
    maps = np.array([[[2.0, 2, 0, 0], [0, 0, 2, -9]], [[7, 7, 7, 7], [7, 7, 7, 7]]])
    masks = np.stack([make_box_mask(2, 4, rows=slice(1), columns=slice(1))] * 2)
    result = measure_localization(
        maps, masks, tolerance=0.5
    ).pointing  # map_values pixel away: (0, 1) and (1, 0)
    np.testing.assert_allclose(result.values, [2 / 3, 3 / 8])
    np.testing.assert_allclose(result.chance_levels, [3 / 8, 3 / 8])


def test_values_equal_up_to_rounding_are_ties() -> None:
    maps = np.array([[[0.3, 0.1 + 0.2, 0.0]]])
    assert maps[0, 0, 0] != maps[0, 0, 1]
    result = measure_localization(maps, np.array([[[True, False, False]]]), tolerance=0)
    assert result.pointing.mean == 0.5


def test_energy_by_hand() -> None:
    maps = np.array([[[3.0, -5, 1], [0, 1, -2]], [[1e308, 1e308, 0], [0, 1e308, 0]]])
    masks = np.stack([make_box_mask(2, 3, rows=slice(1), columns=slice(2))] * 2)
    result = measure_localization(maps, masks).energy
    np.testing.assert_allclose(result.values, [3 / 5, 2 / 3])
    np.testing.assert_allclose(result.chance_levels, [1 / 3, 1 / 3])


FLAT, FALLING = np.full((3, 4), 2.0), -np.arange(12.0).reshape(3, 4)
CORNER = make_box_mask(3, 4, rows=slice(1), columns=slice(1))
NAN = float("nan")


@pytest.mark.parametrize(
    ("map_values", "mask", "values", "chances"),
    [
        # An empty mask is excluded from all measures, a full mask from AUC.
        (FALLING + 12, np.zeros((3, 4), np.bool_), [NAN] * 3, [NAN] * 3),
        (FALLING + 12, np.ones((3, 4), np.bool_), [1, 1, NAN], [1, 1, NAN]),
        # A flat map has its chance level; without positive values it is excluded from energy.
        (FLAT, CORNER, [1 / 12, 1 / 12, 0.5], [1 / 12, 1 / 12, 0.5]),
        (FLAT * 0, CORNER, [1 / 12, NAN, 0.5], [1 / 12, NAN, 0.5]),
        # Without a positive value only energy is undefined.
        (FALLING, CORNER, [1, NAN, 1], [1 / 12, NAN, 0.5]),
        (FALLING * np.nan, CORNER, [NAN] * 3, [NAN] * 3),
        # NaN pixels are ignored in values and chance levels.
        (np.where(FALLING < -5, np.nan, FLAT), CORNER, [1 / 6, 1 / 6, 0.5], [1 / 6, 1 / 6, 0.5]),
        (np.where(CORNER, np.nan, FLAT), CORNER, [NAN] * 3, [NAN] * 3),
        (np.where(CORNER, FLAT, np.nan), CORNER, [1, 1, NAN], [1, 1, NAN]),
    ],
)
def test_excluded_images_and_chance_levels(
    map_values: Any, mask: Any, values: list[float], chances: list[float]
) -> None:
    # The first map is a regular case that is never excluded.
    result = measure_localization(
        np.stack([FALLING + 12, map_values]), np.stack([CORNER, mask]), tolerance=0
    )
    for name, value, chance in zip(MEASURES, values, chances, strict=True):
        measure = getattr(result, name)
        usual = 12 / 78 if name == "energy" else 1.0
        level = 0.5 if name == "auc" else 1 / 12
        np.testing.assert_allclose(measure.values, [usual, value])
        np.testing.assert_allclose(measure.chance_levels, [level, chance])
        assert measure.excluded_count == np.isnan(value)
        assert measure.image_count == 2 - np.isnan(value)
        assert measure.mean == pytest.approx(np.nanmean([usual, value]))
        assert measure.mean_chance_level == pytest.approx(np.nanmean([level, chance]))


def test_mean_is_nan_if_all_images_are_excluded() -> None:
    result = measure_localization(np.ones((2, 3, 4)), np.zeros((2, 3, 4), np.bool_))
    for name in MEASURES:
        measure = getattr(result, name)
        assert (measure.image_count, measure.excluded_count) == (0, 2)
        assert np.isnan([measure.mean, measure.mean_chance_level]).all()


def make_noise_maps(kind: str, count: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(11)
    if kind == "pixels":
        return generator.normal(size=(count, 8, 12))
    if kind == "few levels":
        return generator.integers(-1, 3, (count, 8, 12)).astype(np.float64)
    return make_random_maps((count, 8, 12), window=(4, 4), seed=0)


@pytest.mark.parametrize("kind", ["pixels", "few levels", "blocks"])
@pytest.mark.parametrize("tolerance", [0.0, 0.2])
def test_noise_is_at_chance_level(kind: str, tolerance: float) -> None:
    count = 1500
    mask = make_box_mask(8, 12, rows=slice(4), columns=slice(3, 8))
    result = measure_localization(
        make_noise_maps(kind, count), np.stack([mask] * count), tolerance=tolerance
    )
    for name in MEASURES:
        measure = getattr(result, name)
        error = measure.values.std(ddof=1) / math.sqrt(count)
        assert 0 < error < 0.02
        assert abs(measure.mean - measure.mean_chance_level) < 3 * error
    assert result.energy.mean_chance_level == pytest.approx(20 / 96)


def test_mask_scores_one_and_inverse_scores_zero() -> None:
    masks = random_masks(3, 5, 8)
    right, wrong = (
        measure_localization(masks, masks, tolerance=0),
        measure_localization(~masks, masks, tolerance=0),
    )
    for name in MEASURES:
        assert getattr(right, name).values.tolist() == [1, 1, 1]
        assert getattr(wrong, name).values.tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_and_arrays_give_equal_results(dtype: torch.dtype) -> None:
    maps = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    masks = random_masks(3, 5, 8)
    expected = measure_localization(maps.double().numpy(), masks)
    result = measure_localization(maps.requires_grad_(), torch.from_numpy(masks))
    for ours, theirs in zip(list_arrays(result), list_arrays(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


MAPS, MASKS = np.ones((2, 3, 4)), np.ones((2, 3, 4), np.bool_)


@pytest.mark.parametrize(
    ("maps", "masks", "tolerance", "name"),
    [
        (MAPS[0], MASKS[0], 0.1, "maps"),
        (MAPS[:0], MASKS[:0], 0.1, "maps"),
        (MAPS * np.inf, MASKS, 0.1, "maps"),
        (MAPS, MASKS[:1], 0.1, "masks"),
        (MAPS, MASKS.swapaxes(1, 2), 0.1, "masks"),
        (MAPS, MASKS.astype(np.float64), 0.1, "masks"),
        (MAPS, MASKS, -0.1, "tolerance"),
        (MAPS, MASKS, NAN, "tolerance"),
    ],
)
def test_refuses_invalid_arguments(maps: Any, masks: Any, tolerance: float, name: str) -> None:
    with pytest.raises(UsageError, match=f"Parameter `{name}`"):
        measure_localization(maps, masks, tolerance=tolerance)


def test_boxes_equal_slices() -> None:
    boxes = [[0, 0, 7, 5], [2, 1, 5, 4], [6, 4, 7, 5], [3, 2, 3, 4], [-4, -2, 2, 1], [5, 3, 99, 99]]
    result = boxes_to_masks(torch.tensor(boxes), (5, 7))
    assert result.shape == (6, 5, 7)
    for mask, (x0, y0, x1, y1) in zip(result, boxes, strict=True):
        rows, columns = slice(max(y0, 0), y1), slice(max(x0, 0), x1)
        np.testing.assert_array_equal(mask, make_box_mask(5, 7, rows=rows, columns=columns))


def test_pixel_center_decides_fractional_boxes() -> None:
    result = boxes_to_masks([[0.5, 0.0, 2.5, 1.0], [0.6, 0.4, 2.6, 1.6]], (2, 4))
    assert result.astype(int).tolist() == [
        [[1, 1, 0, 0], [0, 0, 0, 0]],
        [[0, 1, 1, 0], [0, 1, 1, 0]],
    ]


@pytest.mark.parametrize("boxes", [[0, 0, 1, 1], [[0, 0, 1]], [[2, 0, 1, 1]], [[0, NAN, 1, 1]]])
def test_refuses_invalid_boxes(boxes: Any) -> None:
    with pytest.raises(UsageError, match="boxes"):
        boxes_to_masks(boxes, (3, 3))
