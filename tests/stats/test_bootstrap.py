"""The two-way bootstrap against its exact variance."""

import numpy as np
import numpy.typing as npt
import pytest

from foveal import stats
from foveal.errors import UsageError

BoolArray = npt.NDArray[np.bool_]


def arms(seeds: int, others: int, images: int) -> tuple[BoolArray, BoolArray]:
    """Return two arms whose runs agree on hard and easy images, as those of real networks do."""
    generator = np.random.default_rng(images)
    easy = generator.beta(2, 0.5, images)
    return generator.random((seeds, images)) < easy, generator.random((others, images)) < easy


def covariance(size: int) -> npt.NDArray[np.float64]:
    """Return the covariance of multinomial counts over `size`, (I - 1 1' / n) / n^2."""
    return (np.eye(size) - 1 / size) / size**2


def exact_error(correct: BoolArray, baseline_correct: BoolArray) -> float:
    """Return the standard deviation of u' X v over weights u of the runs and v of the images.

    u and v are independent, so Var(u' X v) = tr(E[u u'] X Cov(v) X') + E[v]' X' Cov(u) X E[v].
    """
    runs = np.vstack([correct, baseline_correct]).astype(float)
    seeds, others, images = len(correct), len(baseline_correct), runs.shape[1]
    of_runs = np.zeros((seeds + others,) * 2)
    of_runs[:seeds, :seeds], of_runs[seeds:, seeds:] = covariance(seeds), covariance(others)
    mean = np.concatenate([np.full(seeds, 1 / seeds), np.full(others, -1 / others)])
    second = of_runs + np.outer(mean, mean)
    center = runs.mean(axis=1)
    variance = np.trace(second @ runs @ covariance(images) @ runs.T) + center @ of_runs @ center
    return float(np.sqrt(variance))


@pytest.mark.parametrize(
    ("shape", "resamples", "tolerance"),
    [
        ((3, 2, 7), 40_000, 0.015),
        ((5, 5, 200), 10_000, 0.03),
        ((1, 4, 1000), 2500, 0.06),  # more than one chunk
    ],
)
def test_standard_error_is_the_exact_one(
    shape: tuple[int, int, int], resamples: int, tolerance: float
) -> None:
    correct, baseline_correct = arms(*shape)
    found = stats.run_two_way_bootstrap(
        correct, baseline_correct, generator=np.random.default_rng(0), resamples=resamples
    )
    expected = exact_error(correct, baseline_correct)
    assert found.standard_error == pytest.approx(expected, rel=tolerance)
    assert found.draws.shape == (resamples,)
    assert found.draws.mean() == pytest.approx(found.difference, abs=5 * expected / resamples**0.5)
    assert found.difference == pytest.approx(correct.mean() - baseline_correct.mean())


def test_interval_holds_its_level_of_the_draws() -> None:
    found = stats.run_two_way_bootstrap(
        *arms(3, 3, 200), generator=np.random.default_rng(0), level=0.8, resamples=1001
    )
    low, high = found.interval
    assert np.mean(found.draws < low) == pytest.approx(0.1, abs=0.005)
    assert np.mean(found.draws > high) == pytest.approx(0.1, abs=0.005)


def test_images_are_drawn_for_both_arms_and_seeds_for_each() -> None:
    (run,), _ = arms(1, 1, 50)
    once = stats.run_two_way_bootstrap([run], [run], generator=np.random.default_rng(0))
    assert not once.draws.any()
    runs, _ = arms(3, 1, 50)
    assert stats.run_two_way_bootstrap(runs, runs, generator=np.random.default_rng(0)).draws.any()


def test_the_generator_is_used() -> None:
    first, same, other = (
        stats.run_two_way_bootstrap(*arms(3, 3, 50), generator=np.random.default_rng(seed)).draws
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("options", [{"resamples": 1}, {"level": 1.0}, {"level": 0.0}])
def test_what_draws_nothing_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"Parameter `(resamples|level)` should be"):
        stats.run_two_way_bootstrap(*arms(2, 2, 9), generator=np.random.default_rng(0), **options)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((3,), (3,)), ((0, 3), (2, 3))])
def test_needs_the_same_images(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    correct, baseline_correct = (np.ones(shape, bool) for shape in shapes)
    with pytest.raises(UsageError, match="Parameter `correct` should be"):
        stats.run_two_way_bootstrap(correct, baseline_correct, generator=np.random.default_rng(0))
