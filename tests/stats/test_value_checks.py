"""Suspicions about the values of a table: each is raised by a table that deserves it, and by no other."""

from typing import Any

import numpy as np
import pytest

from foveal.stats import judge


def make_table(**accuracies: list[float]) -> dict[str, Any]:
    return {
        "variant": [name for name, values in accuracies.items() for _ in values],
        "seed": [seed for values in accuracies.values() for seed in range(len(values))],
        "accuracy": [value for values in accuracies.values() for value in values],
    }


def list_kinds(table: dict[str, Any], **options: Any) -> set[str]:
    return {each.kind for each in judge(table, **options).suspicions}


NONE = [0.761283, 0.759417, 0.763829, 0.760391]
CBAM = [0.781283, 0.779417, 0.783829, 0.780391]


def test_sound_runs_raise_no_suspicion() -> None:
    assert list_kinds(make_table(none=NONE, cbam=CBAM), test_images=10_000, chance=0.1) == set()


@pytest.mark.parametrize(
    "cbam", [[0.781283] * 4, [0.781283, 0.781283, 0.783829, 0.780391], [NONE[0], *CBAM[1:]]]
)
def test_identical_values(cbam: list[float]) -> None:
    assert list_kinds(make_table(none=NONE, cbam=cbam)) == {"identical values"}


def test_equal_accuracies_on_few_images_are_no_copies() -> None:
    generator = np.random.default_rng(0)
    counts = generator.binomial(300, 0.76, (2, 10))
    none, cbam = (counts / 300).tolist()
    assert len(set(none + cbam)) < 20
    for options in ({}, {"test_images": 300}):
        assert list_kinds(make_table(none=none, cbam=cbam), **options) == set()
    rounded = np.round(np.array(counts) / 300, 3).tolist()
    assert list_kinds(make_table(none=rounded[0], cbam=rounded[1])) == set()


def test_one_seed_for_all() -> None:
    table = make_table(none=NONE, cbam=CBAM)
    ordinary = judge(table).comparisons
    table["seed"] = [42] * 8
    assert list_kinds(table) == {"one seed"}
    assert judge(table).comparisons == ordinary
    single = make_table(none=NONE[:1], cbam=CBAM[:1])
    assert list_kinds(single) == set()


def test_unequal_numbers() -> None:
    judgment = judge(make_table(none=NONE, cbam=CBAM[:3]))
    (suspicion,) = judgment.suspicions
    assert suspicion.kind == "unequal numbers"
    assert "cbam lacks seed 3" in suspicion.text


def test_a_run_at_chance() -> None:
    table = make_table(none=NONE, cbam=[*CBAM[:3], 0.1011])
    options: dict[str, Any] = {"test_images": 10_000, "chance": 0.1}
    assert list_kinds(table, **options) == {"at chance"}
    assert "at chance" not in list_kinds(table)
    low = make_table(none=NONE, cbam=[*CBAM[:3], 0.5011])
    assert list_kinds(low, **options) == set()


@pytest.mark.parametrize("wrong", [101.5, -0.2])
def test_impossible_values(wrong: float) -> None:
    percent = [100 * value for value in CBAM]
    table = make_table(none=[100 * value for value in NONE], cbam=[*percent[:3], wrong])
    assert "impossible values" in list_kinds(table)
    loss = {**table, "loss": table["accuracy"]}
    del loss["accuracy"]
    assert "impossible values" not in list_kinds(loss)


def test_mixed_units() -> None:
    percent = [100 * value for value in CBAM]
    assert list_kinds(make_table(none=NONE, cbam=percent)) == {"mixed units"}
    collapsed = make_table(none=[100 * value for value in NONE], cbam=[*percent[:3], 0.13])
    assert list_kinds(collapsed) == set()
