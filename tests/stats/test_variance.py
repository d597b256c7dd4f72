"""The two sources of uncertainty: by hand on a tiny table, and in a simulation whose truth is known."""

import math

import numpy as np
import pytest

from foveal import stats
from foveal.errors import UsageError
from foveal.stats.variance import compute_noise_variance

TINY = np.array([[1, 1, 0, 0], [1, 1, 1, 0]]), np.array([[1, 0, 0, 0], [1, 0, 0, 0]])


def test_by_hand() -> None:
    # Runs: 1/2, 3/4 against 1/4, 1/4. Images: differences 0, 1, 1/2, 0, variance 11/48; the
    # seeds leave (0 + 0 + 1/2 + 0) / 4 / 2 = 1/16 in it.
    found = stats.split_variance(*TINY)
    assert found.seed_error == pytest.approx(1 / 8)
    assert found.image_error == pytest.approx(math.sqrt((11 / 48 - 1 / 16) / 4))
    assert found.total_error == pytest.approx(math.sqrt(1 / 64 + (11 / 48 - 1 / 16) / 4))
    assert found.finite_test_share == pytest.approx(1 / 16 / 4 * 64)


def test_one_run_has_no_seed_error() -> None:
    found = stats.split_variance(TINY[0][:1], TINY[1])
    assert math.isnan(found.seed_error)
    assert math.isnan(found.finite_test_share)
    assert found.image_error == pytest.approx(
        math.sqrt(1 / 4 / 4)
    )  # of 0, 1, 0, 0, nothing taken off


def test_seeds_part_is_that_of_welch() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random((5, 300)) < 0.8, generator.random((3, 300)) < 0.7
    expected = stats.run_welch_test(a.mean(axis=1), b.mean(axis=1)).standard_error
    assert stats.split_variance(a, b).seed_error == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("run_effect", [0.03, 0.06])
def test_share_of_the_finite_test_set_is_that_of_the_simulation(run_effect: float) -> None:
    """Runs differ by chance on each image, and as a whole by a known standard deviation."""
    random = np.random.default_rng(0)
    images, runs, rounds = 300, 5, 500
    seed_variances, shares = [], []
    for _ in range(rounds):
        p = random.uniform(0.4, 0.9, (2, 1, images))
        effects = run_effect * random.standard_normal((2, runs, 1))
        correct, baseline_correct = random.random((2, runs, images)) < p + effects
        split = stats.split_variance(correct, baseline_correct)
        seed_variances.append(split.seed_error**2)
        shares.append(split.finite_test_share * split.seed_error**2)
    noise = (0.65 - 0.65**2 - 0.5**2 / 12 - run_effect**2) / images  # E[p (1 - p)] / N
    expected = noise / (noise + run_effect**2)
    assert np.mean(shares) / np.mean(seed_variances) == pytest.approx(expected, rel=0.06)


def test_both_sources_together_are_the_error_for_new_seeds_and_new_images() -> None:
    """Images and runs are drawn anew in each round: the variance of the difference is known from outside."""
    random = np.random.default_rng(3)
    images, runs, rounds = 200, 4, 1500
    differences, squares = [], []
    for _ in range(rounds):
        p = random.beta(2, 1, (2, 1, images))
        effects = 0.03 * random.standard_normal((2, runs, 1))
        a, b = random.random((2, runs, images)) < p + effects
        differences.append(a.mean() - b.mean())
        squares.append(stats.split_variance(a, b).total_error ** 2)
    assert np.mean(squares) == pytest.approx(np.var(differences, ddof=1), rel=0.12)


def test_simulation_finds_the_truth() -> None:
    """Images are drawn anew in each round; runs get image n right with chance p_n, and q_n."""
    generator = np.random.default_rng(0)
    images, runs, others, rounds = 400, 4, 6, 400
    found = []
    for _ in range(rounds):
        p, q = generator.beta(4, 1, images), generator.beta(4, 1, images)
        correct = generator.random((runs, images)) < p
        baseline_correct = generator.random((others, images)) < q
        split = stats.split_variance(correct, baseline_correct)
        found.append((split.seed_error**2, split.image_error**2))
    of_chance = 4 / 5 - 4 / 6  # E[p (1 - p)] of beta(4, 1), whose variance is 4 / 150
    expected = of_chance / images * (1 / runs + 1 / others), 2 * 4 / 150 / images
    assert np.mean(found, axis=0) == pytest.approx(expected, rel=0.06)


def test_what_moves_all_images_alike_is_no_noise_of_an_image() -> None:
    """Each run is better or worse as a whole by up to 0.3: far more than images differ."""
    generator = np.random.default_rng(1)
    images, runs, rounds = 200, 3, 600
    found = []
    for _ in range(rounds):
        p, q = generator.uniform(0.4, 0.6, (2, 1, images))
        better, other = generator.uniform(-0.3, 0.3, (2, runs, 1))
        correct = generator.random((runs, images)) < p + better
        baseline_correct = generator.random((runs, images)) < q + other
        a, b = (arm.mean(axis=0) for arm in (correct, baseline_correct))
        noise = sum(compute_noise_variance(arm) for arm in (correct, baseline_correct))
        found.append(np.var(a - b, ddof=1) - noise)
    truth = 2 * 0.2**2 / 12  # of p - q; without the correction about -0.013 would be found
    assert np.mean(found) == pytest.approx(truth, abs=0.002)


def test_noise_beyond_the_variance_of_images_leaves_zero() -> None:
    anti = np.array([[1, 0], [0, 1]])
    assert stats.split_variance(anti, anti).image_error == 0.0


def test_one_image_has_no_variance() -> None:
    with pytest.raises(UsageError, match="at least 2 images"):
        stats.split_variance([[True], [False]], [[True], [True]])
