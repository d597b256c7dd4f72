"""`foveal judge` against `foveal ablate`: the same verdicts, looks and next seeds on the same numbers."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foveal.analysis import count_seeds_needed, find_next_steps
from foveal.analysis.variant_runs import compare_cell_variants
from foveal.records import Design, RunRecord, StudyRecord
from foveal.stats import Judgment, judge, make_judge_design

IMAGES = 400
CHANCE = 0.5
VARIANTS = ("none", "cbam", "bam")
LOOKS = (4, 5, 6, 8, 10)


def simulate_cell(number: int, *, looks: tuple[int, ...] = ()) -> StudyRecord:
    """Return a study without files: its truth, its noise and its number of runs are drawn."""
    generator = np.random.default_rng(number)
    level = generator.choice([CHANCE, 0.6, 0.8])
    sds = generator.uniform(0.002, 0.03, len(VARIANTS))
    effects = [0.0, *generator.choice([-0.05, 0.0, 0.01, 0.05], 2)]
    seeds = 10 if looks else int(generator.integers(1, 8))
    first = int(generator.choice([0, 200]))
    design = Design(
        {"data": "photos", "model": "convnet", "epochs": 2},
        VARIANTS,
        seeds,
        seeds,
        2.0,
        2.0,
        first_seed=first,
        looks=looks,
    )
    labels = np.arange(IMAGES) % 2
    runs = []
    for variant, sd, effect in zip(VARIANTS, sds, effects, strict=True):
        for seed in range(first, first + seeds):
            right = round(IMAGES * min(max(level + effect + sd * generator.normal(), 0), 1))
            correct = generator.permutation(np.arange(IMAGES) < right)
            accuracy = right / IMAGES
            results = {"variant": variant, "seed": seed, "test_accuracy": accuracy, "seconds": 1.0}
            predictions = {
                "labels": labels,
                "correct": correct,
                "predicted": np.where(correct, labels, 1 - labels),
            }
            metrics = {"test_accuracy": np.full(2, accuracy), "time_seconds": np.ones(2)}
            config = {**design.shared_options, "attention": variant, "seed": seed}
            runs.append(RunRecord(Path("run"), config, {}, metrics, results, predictions, {}))
    return StudyRecord(Path("study"), design, tuple(runs))


def list_columns(cell: StudyRecord, unit: float) -> dict[str, Any]:
    return {
        "variant": [run.results["variant"] for run in cell.runs],
        "seed": [run.results["seed"] for run in cell.runs],
        "accuracy": [unit * run.results["test_accuracy"] for run in cell.runs],
    }


def check_same_comparisons(cell: StudyRecord, judgment: Judgment) -> None:
    expected = compare_cell_variants(cell)
    assert [each.variant for each in judgment.comparisons] == [each.variant for each in expected]
    for ours, theirs in zip(judgment.comparisons, expected, strict=True):
        assert (ours.verdict, ours.seeds) == (theirs.verdict, theirs.seeds)
        if theirs.mcnemar is None:  # only a study knows the single images
            assert ours.reason == theirs.reason
        assert ours.is_at_guessing == theirs.is_at_guessing
        assert ours.interval == pytest.approx(theirs.interval, abs=1e-12, nan_ok=True)
        assert ours.equivalence_interval == pytest.approx(
            theirs.equivalence_interval, abs=1e-12, nan_ok=True
        )
        if theirs.sequential is not None:
            assert ours.sequential is not None
            assert ours.sequential.stop == theirs.sequential.stop
            assert ours.sequential.next_look == theirs.sequential.next_look
            for look, other in zip(ours.sequential.looks, theirs.sequential.looks, strict=True):
                assert (look.seeds, look.verdict) == (other.seeds, other.verdict)


def test_fixed_studies() -> None:
    verdicts, new_studies = set(), 0
    for number in range(24):
        cell, unit = simulate_cell(number), (1.0, 100.0)[number % 2]
        judgment = judge(
            list_columns(cell, unit), margin=0.02 * unit, test_images=IMAGES, chance=CHANCE
        )
        check_same_comparisons(cell, judgment)
        verdicts |= {each.verdict for each in judgment.comparisons}
        (part,) = judgment.parts
        steps = find_next_steps(cell, compare_cell_variants(cell))
        assert part.is_new_study == (steps is not None and cell.design.seeds >= 3)
        if steps is not None and part.is_new_study and steps.epochs == 2:
            new_studies += 1
            first = int(re.findall(r"--first-seed (\d+)", steps.command)[0])
            expected = dict.fromkeys(VARIANTS, tuple(range(first, first + steps.seeds)))
            assert part.next_runs == expected
    assert verdicts == {"better", "worse", "equivalent", "undecided"}
    assert new_studies > 0


def test_sequential_studies() -> None:
    """Both look at runs that are trained as `foveal ablate` asks for them, from the first look on."""
    verdicts, new_designs = set(), 0
    for number in range(10):
        whole, unit = simulate_cell(number, looks=LOOKS), (1.0, 100.0)[number % 2]
        first = whole.design.first_seed
        needed = dict.fromkeys(VARIANTS, 1)
        design = None
        for _ in range(len(LOOKS) + 2):
            runs = [run for name in VARIANTS for run in whole.get_runs(name)[: needed[name]]]
            cell = StudyRecord(Path("study"), whole.design, tuple(runs))
            columns = list_columns(cell, unit)
            if design is None:
                design = make_judge_design(
                    columns, max_seeds=10, margin=0.02 * unit, test_images=IMAGES, chance=CHANCE
                )
            judgment = judge(columns, design=design)
            check_same_comparisons(cell, judgment)
            (part,) = judgment.parts
            asked = count_seeds_needed(cell)
            missing = {
                name: tuple(range(first + needed[name], first + count))
                for name, count in asked.items()
                if count > needed[name]
            }
            assert part.next_runs == missing
            if not missing:
                break
            needed = {name: max(needed[name], count) for name, count in asked.items()}
        verdicts |= {each.verdict for each in judgment.comparisons}
        steps = find_next_steps(cell, compare_cell_variants(cell))
        assert (part.new_design is None) == (steps is None)
        if steps is not None and part.new_design is not None and steps.epochs == 2:
            new_designs += 1
            assert f"--max-seeds {part.new_design[1]} " in steps.command
            assert f"--first-seed {part.new_design[0]} " in steps.command
    assert verdicts == {"better", "worse", "equivalent", "undecided"}
    assert new_designs > 0
