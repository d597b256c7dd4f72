"""Checks of a comparison: what a reader may rely on, and where to be careful, found in the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foveal.analysis.caveats import (
    UNRELIABLE_TIMES,
    WEAK_BASELINE,
    find_cell_caveats,
    find_published_accuracy,
)
from foveal.analysis.costs import list_variant_costs
from foveal.analysis.next_steps import find_last_epoch_gains, needs_same_time
from foveal.analysis.other_test_images import describe_other_test_images
from foveal.analysis.training_times import MAX_TIME_RATIO, compute_training_times
from foveal.records import StudyRecord
from foveal.stats import Comparison
from foveal.text_format import format_count, format_margin, format_percent, join_with_and
from foveal.variant_names import (
    BASELINE,
    SAME_TIME_CONTROL,
    WIDE_CONTROL,
    get_variant_name,
    has_attention,
)

_MIN_CAREFREE_SEEDS: Final = 5
_MAX_SIZE_INCREASE: Final = 0.02


@dataclass(frozen=True)
class Check:
    """One check of a comparison: a title and the facts. `is_fine` is False where to be careful."""

    is_fine: bool
    title: str
    text: str


_STOPPING: Final = (
    " Test accuracy decides when a variant stops; the intervals account for the looks."
)


def check_fairness(cell: StudyRecord, comparisons: Sequence[Comparison]) -> list[Check]:
    """Return the checks of one cell of a study, those that are always made first.

    Args:
        cell: the study of one cell, with a finished run.
        comparisons: the comparisons of the cell.
    """
    checked = {WEAK_BASELINE, UNRELIABLE_TIMES}
    others = [caveat for caveat in find_cell_caveats(cell) if caveat.title not in checked]
    checks = [
        _check_data(cell),
        Check(
            True,
            "No epoch and no seed was picked by the test set.",
            "Accuracy is that of the last epoch of every seed: no best epoch, no best seed."
            + (_STOPPING if cell.design.looks else ""),
        ),
        _check_plan(cell),
        _check_end_of_training(cell),
        _check_seed_count(cell, comparisons),
        _check_times(cell),
        _check_controls(cell, comparisons),
        _check_baseline(cell),
        *(Check(False, caveat.title, caveat.text) for caveat in others),
    ]
    return [check for check in checks if check is not None]


def _check_data(cell: StudyRecord) -> Check:
    """Check that all runs read the same data."""
    if len({run.results["data_checksum"] for run in cell.runs}) > 1:
        text = "The runs did not all read the same data; How it was done lists the checksums."
        return Check(False, "Different data.", text)
    return Check(
        True,
        "Same start, same data.",
        "For each seed, all variants start from the same backbone weights and see the same images in the same "
        "order, with the same random changes.",
    )


def _check_plan(cell: StudyRecord) -> Check:
    """Check that the numbers of seeds and the margin are as planned."""
    design = cell.design
    counts = [len(cell.get_runs(variant)) for variant in cell.variants]
    planned = f"{format_count(design.planned_seeds, 'seed')} planned"
    if max(counts) > design.planned_seeds:
        text = (
            f"{planned}, {max(counts)} trained. Adding seeds after a look at the result raises the rate of "
            "false alarms above the level of the intervals."
        )
        return Check(False, "More seeds than planned.", text)
    if design.margin != design.planned_margin:
        text = (
            f"{format_margin(design.planned_margin)} planned, {design.margin:g} now. A margin chosen after "
            "seeing results makes verdicts unreliable."
        )
        return Check(False, "The margin was changed.", text)
    if design.looks:
        text = (
            f"Looks at {join_with_and(design.looks)} seeds planned, margin {format_margin(design.margin)}, "
            "not changed. The intervals are wide enough for all looks together."
        )
        return Check(True, "Looks and margin fixed beforehand.", text)
    if min(counts) < design.planned_seeds:
        text = f"{planned}, only {min(counts)} trained of some variants. The same command trains the rest."
        return Check(False, "The study is not finished.", text)
    text = f"{planned}, {min(counts)} trained; margin {format_margin(design.margin)}, not changed."
    return Check(True, "Number of seeds and margin fixed beforehand.", text)


def _check_end_of_training(cell: StudyRecord) -> Check:
    """Check that no accuracy still rose by more than the margin in the last epoch."""
    margin = cell.design.margin
    gains = find_last_epoch_gains(cell, margin / 100)
    if not gains:
        text = (
            f"In the last epoch no variant gained more than the margin of {format_margin(margin)}."
        )
        return Check(True, "Training had ended.", text)
    name, gain = max(gains.items(), key=lambda item: item[1])
    return Check(
        False,
        "Training may not have ended.",
        f"In the last epoch the accuracy of `{name}` still rose by {format_percent(gain, 1)} points. So this "
        "may compare how fast the variants learn, not how good they get.",
    )


def _check_seed_count(cell: StudyRecord, comparisons: Sequence[Comparison]) -> Check:
    """Check the number of seeds, with their spread and what other test images would add."""
    counts = [len(runs) for variant in cell.variants if (runs := cell.get_runs(variant))]
    is_fine = min(counts) >= _MIN_CAREFREE_SEEDS
    title = "Several seeds of every variant." if is_fine else "Few seeds."
    numbers = f"{min(counts)} to " if min(counts) < max(counts) else ""
    facts = [f"{numbers}{format_count(max(counts), 'seed')} of each variant."]
    accuracies = cell.accuracies.get(BASELINE, [])
    if len(accuracies) > 1:
        spread = max(accuracies) - min(accuracies)
        facts.append(
            f"Seeds of `{BASELINE}` differ by up to "
            f"{format_percent(spread, 1 if spread >= 0.01 else 2)} points."
        )
    facts.append(describe_other_test_images(comparisons, len(cell.runs[0].predictions["labels"])))
    return Check(is_fine, title, " ".join(filter(None, facts)))


def _check_times(cell: StudyRecord) -> Check | None:
    """Check that the times agree with one another, or without step times, that runs are steady.

    None for single runs without step times, which could not be found unreliable.
    """
    for caveat in find_cell_caveats(cell):
        if caveat.title == UNRELIABLE_TIMES:
            return Check(False, caveat.title, caveat.text)
    times = compute_training_times(cell).values()
    if all(each.step_seconds is not None for each in times):
        text = (
            "Training steps were timed before the first run, all variants in turns, and the runs of all "
            f"variants took the same multiple of them, within a factor of {MAX_TIME_RATIO}."
        )
        return Check(True, "The times are steady.", text)
    if len(cell.runs) == len(times):
        return None
    slowest = max(each.slowest_over_fastest for each in times)
    text = f"The slowest run of a variant took at most {slowest:.2f} times as long as its fastest."
    return Check(True, "The times are steady.", text)


def _check_controls(cell: StudyRecord, comparisons: Sequence[Comparison]) -> Check | None:
    """Check that a gain can be told from that of more parameters or of longer training; None without costs.

    Training time is left out where it is unreliable.
    """
    costs = {cost["variant"]: cost for cost in list_variant_costs(cell)}
    asked = [variant for variant in costs if has_attention(variant)]
    if BASELINE not in costs or not asked:
        return None
    increase = {
        key: max(costs[variant][key] / costs[BASELINE][key] - 1 for variant in asked)
        for key in ("parameters", "training_seconds")
    }
    controls = {get_variant_name(variant) for variant in cell.variants}
    missing = {}
    if WIDE_CONTROL not in controls and increase["parameters"] > _MAX_SIZE_INCREASE:
        missing["size"] = "`--wide` adds a plain network with as many parameters"
    if needs_same_time(cell, comparisons):
        missing["training time"] = "`--same-time` adds a plain network trained for as long"
    facts = f"Attention adds up to {100 * increase['parameters']:.2g} % of the parameters"
    if all(cost["has_reliable_time"] for cost in costs.values()):
        facts += f" and makes training up to {1 + increase['training_seconds']:.1f} times as long"
    facts += "."
    if missing:
        text = f"{facts} {join_with_and([*missing.values()])}."
        return Check(False, f"No control for {' or '.join(missing)}.", text)
    kinds = {WIDE_CONTROL: "size", SAME_TIME_CONTROL: "training time"}
    controlled = [kind for name, kind in kinds.items() if name in controls]
    if controlled:
        return Check(True, f"Controlled for {join_with_and(controlled)}.", facts)
    if any(each.verdict == "better" for each in comparisons if each.reference == BASELINE):
        return Check(True, "Hardly larger than the plain network.", facts)
    return Check(True, "No gain that size or training time could explain.", facts)


def _check_baseline(cell: StudyRecord) -> Check | None:
    """Check that the baseline is near its published accuracy; None without a published one."""
    for caveat in find_cell_caveats(cell):
        if caveat.title == WEAK_BASELINE:
            return Check(False, caveat.title, caveat.text.removeprefix("Weak baseline: "))
    runs = cell.get_runs(BASELINE)
    published = find_published_accuracy(runs[0].config, runs[0].results) if runs else None
    if published is None:
        return None
    text = (
        f"`{BASELINE}` is known to reach at least {format_percent(published.accuracy, 1)} %, and does so "
        "here."
    )
    return Check(True, "The plain network is as good as published.", text)
