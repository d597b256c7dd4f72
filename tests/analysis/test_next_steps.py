"""Steps that would decide an undecided study, from fake records."""

from pathlib import Path

import numpy as np
import pytest

from foveal.analysis import NextSteps, compare_cell_variants, find_next_steps
from foveal.records import Design, RunRecord, StudyRecord
from foveal.stats import compute_power

UNDECIDED = {"none": [0.70, 0.72, 0.71], "cbam": [0.71, 0.74, 0.70], "bam": [0.70, 0.71, 0.73]}


def make_study(
    accuracies: dict[str, list[float]],
    *,
    last_gain: float = 0.0,
    epochs: int = 2,
    margin: float = 0.5,
) -> StudyRecord:
    """Return a study whose runs take 10 s and gain `last_gain` of accuracy in the last epoch."""
    labels = np.arange(1000) % 10
    runs = []
    for variant, values in accuracies.items():
        for seed, accuracy in enumerate(values):
            is_correct = np.arange(1000) < round(1000 * accuracy)
            predicted = np.where(is_correct, labels, (labels + 1) % 10)
            curve = np.array([accuracy - last_gain, accuracy])[-epochs:]
            results = {
                "variant": variant, "seed": seed, "test_accuracy": accuracy, "seconds": 10.0, "data": "x",
            }  # fmt: skip
            predictions = {"labels": labels, "predicted": predicted, "correct": is_correct}
            config = {"attention": variant, "seed": seed}
            metrics = {"test_accuracy": curve, "time_seconds": np.ones(epochs)}
            runs.append(RunRecord(Path("r"), config, {}, metrics, results, predictions, {}))
    seeds = len(next(iter(accuracies.values())))
    design = Design({}, tuple(accuracies), seeds, seeds, margin, margin)
    return StudyRecord(Path("study"), design, tuple(runs))


def find(study: StudyRecord) -> NextSteps | None:
    return find_next_steps(study, compare_cell_variants(study))


def test_table_names_the_difference_found_with_80_percent_power() -> None:
    study = make_study(UNDECIDED)
    found = find(study)
    assert found is not None
    assert [row.seeds for row in found.outlook] == [5, 10, 20, 50]
    assert [row.extra_seconds for row in found.outlook] == [150, 300, 600, 1500]
    for row in found.outlook:
        assert len(row.detectable_differences) == 2
        for difference, variant in zip(row.detectable_differences, ("bam", "cbam"), strict=True):
            variances = [np.var(UNDECIDED[name], ddof=1) for name in ("none", variant)]
            power = compute_power(
                difference, sd=float(np.sqrt(np.mean(variances))), seeds=row.seeds, alpha=0.025
            )
            assert power == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(("gain", "is_advised"), [(0.02, True), (0.004, False)])
def test_longer_training_comes_first_where_accuracy_still_rose(
    gain: float, is_advised: bool
) -> None:
    found = find(make_study(UNDECIDED, last_gain=gain))
    assert found is not None
    assert bool(found.last_epoch_gains) == is_advised
    if is_advised:
        assert found.last_epoch_gains == pytest.approx(dict.fromkeys(UNDECIDED, gain))
        assert found.training_advice.startswith("Train longer first: in the last epoch the test ")
        assert "more than the margin, none by 2.0, cbam by 2.0 and bam by 2.0 points. " in (
            found.training_advice
        )
    else:
        assert found.training_advice == ""


def test_one_epoch_has_gained_what_is_above_guessing() -> None:
    found = find(make_study(UNDECIDED, epochs=1))
    assert found is not None
    assert found.last_epoch_gains["none"] == pytest.approx(0.71 - 0.1)


def test_decided_study_has_no_next_steps() -> None:
    decided = {"none": [0.70, 0.71, 0.70], "cbam": [0.90, 0.91, 0.90]}
    assert find(make_study(decided)) is None


def test_decided_comparisons_do_not_enter_the_table() -> None:
    wide = {**UNDECIDED, "se": [0.2, 0.21, 0.22]}
    found, alone = find(make_study(wide)), find(make_study(UNDECIDED))
    assert found is not None
    assert alone is not None
    # Three comparisons share the error rate, so the differences are a little larger.
    ratios = np.divide(
        [row.detectable_differences for row in found.outlook],
        [row.detectable_differences for row in alone.outlook],
    )
    assert np.all((ratios > 1) & (ratios < 1.1))


@pytest.mark.parametrize(
    ("gain", "epochs", "seeds"), [(0.0, 2, 5), (0.014, 4, 5), (0.015, 4, 5), (0.016, 8, 5)]
)
def test_one_recommendation_with_its_time_and_difference(
    gain: float, epochs: int, seeds: int
) -> None:
    found = find(make_study(UNDECIDED, last_gain=gain))
    assert found is not None
    assert (found.epochs, found.seeds) == (epochs, seeds)
    assert f"--epochs {epochs} --seeds {seeds} --first-seed 100 " in found.command
    assert found.seconds == 10 * 3 * seeds * epochs / 2
    # The study with five seeds is the first row of the table, which has as many epochs.
    assert found.outlook[0].extra_seconds == found.seconds
    assert found.detectable_difference == found.outlook[0].detectable_differences[1]
    assert f"{100 * found.detectable_difference:.2f} points" in found.summary
    assert found.summary.startswith(f"{epochs} epochs and {seeds} seeds per variant, about ")


@pytest.mark.parametrize(("factor", "is_added"), [(1.04, False), (1.2, True)])
def test_same_time_is_advised_for_better_variants_that_cost_time(
    factor: float, is_added: bool
) -> None:
    study = make_study({**UNDECIDED, "se": [0.9, 0.91, 0.92]})
    for run in study.runs:
        if run.results["variant"] == "se":
            run.metrics["time_seconds"][:] = factor
    found = find(study)
    assert found is not None
    assert ("--same-time" in found.command) == is_added
    assert found.seconds == (4 + 3 * is_added) * 10 * 5
    assert found.comparison_counts == (3, 3 + 6 * is_added)
    # The table is for the study of the command: its first row has the five seeds of the command.
    assert found.outlook[0].extra_seconds == found.seconds
    assert found.outlook[0].detectable_differences[1] == found.detectable_difference
    note = "That makes 9 comparisons instead of 3 (each control with none and with its variant as well), for "
    note += "which this table allows."
    assert found.outlook_note.endswith(note) == is_added
    slow = make_study(UNDECIDED)  # not better, so its time does not matter
    for run in slow.runs:
        run.metrics["time_seconds"][:] = 1 + (run.results["variant"] == "bam")
    assert "--same-time" not in (found_slow.command if (found_slow := find(slow)) else "")


@pytest.mark.parametrize(
    "accuracies", [{"none": [0.7], "cbam": [0.71]}, {"none": [0.1] * 3, "cbam": [0.1] * 3}]
)
def test_no_table_without_a_standard_deviation_or_without_learning(
    accuracies: dict[str, list[float]],
) -> None:
    found = find(make_study(accuracies))
    assert found is not None
    assert found.outlook == ()
