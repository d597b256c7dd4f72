"""Caveats of a study: warnings shown beside every verdict, found in its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from foveal.analysis.learning import compute_guessing, find_failed_runs
from foveal.analysis.training_times import describe_disturbed_times
from foveal.analysis.variant_runs import compare_cell_variants
from foveal.records import Cell, RunRecord, StudyRecord
from foveal.stats import Comparison
from foveal.text_format import (
    format_level,
    format_margin,
    format_percent,
    format_points,
    join_seeds,
    join_with_and,
)
from foveal.variant_names import (
    BASELINE,
    WHERE_OPTION,
    WIDE_CONTROL,
    get_variant_name,
    is_gate_key,
    remove_option,
    split_variant,
)

_MIN_RELATIVE_WIDENING: Final = 0.01
"""Relative number of added parameters below which a widened network is not a useful control."""
BASELINE_TOLERANCE: Final = 0.03
"""Accuracy below a published one from which a baseline counts as weak, as a fraction."""
_ORDINARY_SIDE: Final = 32
"""Pixels of a side of a scene below which its images are small."""


@dataclass(frozen=True)
class Caveat:
    """A warning beside a verdict: a title of a few words, and one or two sentences."""

    title: str
    text: str


@dataclass(frozen=True)
class PublishedAccuracy:
    """Lowest published accuracy of a plain network after so many epochs on all training images."""

    data: str
    model: str
    stem: str
    epochs: int
    accuracy: float


# Lower ends of published final-epoch accuracies (ResNets, 200 epochs, CIFAR stem). The accuracy of the
# ConvNet is that of `foveal train --data cifar10 --epochs 10`, and no ResNet should be below it.
PUBLISHED_ACCURACIES: Final = (
    PublishedAccuracy("cifar10", "resnet18", "cifar", 200, 0.948),
    PublishedAccuracy("cifar10", "resnet34", "cifar", 200, 0.953),
    PublishedAccuracy("cifar10", "resnet50", "cifar", 200, 0.954),
    PublishedAccuracy("cifar100", "resnet18", "cifar", 200, 0.756),
    PublishedAccuracy("cifar100", "resnet34", "cifar", 200, 0.768),
    PublishedAccuracy("cifar100", "resnet50", "cifar", 200, 0.774),
    PublishedAccuracy("cifar10", "convnet", "", 10, 0.835),
)
UNRELIABLE_TIMES: Final = "Unreliable times."
"""Title of the caveat about times that contradict one another."""
WEAK_BASELINE: Final = "Weak baseline."
"""Title of the caveat about a baseline far below its published accuracy."""
_RESNET_NAMES: Final = frozenset({"resnet18", "resnet34", "resnet50"})


def find_caveats(study: StudyRecord) -> list[str]:
    """Return the caveats of a study, one or two sentences each."""
    caveats = [caveat.text for caveat in _warn_of_changed_margin(study)]
    for cell_study in study.split_by_cell():
        cell = cell_study.cell or Cell()
        prefix = f"{cell.label}: " if cell.label else ""
        caveats += [prefix + caveat.text for caveat in find_cell_caveats(cell_study)]
    return caveats


def find_cell_caveats(cell_study: StudyRecord) -> list[Caveat]:
    """Return the caveats of one cell of a study, without that of a changed margin."""
    cell = cell_study.cell or Cell()
    comparisons = compare_cell_variants(cell_study)
    sentences = {
        "Nothing was learned.": _warn_of_guessing(comparisons),
        "A run stayed at guessing.": _list_failed_runs(cell_study),
        "Seeds differ unequally.": _list_different_spreads(comparisons),
        WEAK_BASELINE: _warn_of_weak_baseline(cell_study),
        "Variants are not trained for equally long.": _list_other_epochs(cell),
        "Weights of a file.": _list_loaded_weights(cell_study),
        "Two things differ.": _warn_of_different_sites(cell),
        "A control is too small.": _warn_of_small_controls(cell_study),
        "Different processors.": _warn_of_instruction_sets(cell_study),
        UNRELIABLE_TIMES: describe_disturbed_times(cell_study),
        "Synthetic images.": _describe_easy_images(cell_study),
    }
    return [Caveat(title, text) for title, texts in sentences.items() for text in texts]


def _warn_of_changed_margin(study: StudyRecord) -> list[Caveat]:
    """Warn if the margin is not the one with which the study was created."""
    design = study.design
    if design.margin == design.planned_margin:
        return []
    text = (
        f"The margin was {format_margin(design.planned_margin)} when the study was created and is "
        f"{design.margin:g} now. A margin chosen after seeing results makes verdicts unreliable."
    )
    return [Caveat("The margin was changed.", text)]


def _warn_of_guessing(comparisons: Sequence[Comparison]) -> list[str]:
    """Warn if nothing was learned in any run: equal accuracies then do not mean equal methods."""
    if not comparisons or not all(each.has_learned_nothing for each in comparisons):
        return []
    return [
        "Nothing was learned: no variant is better than guessing. Train longer, on more images or with another "
        "learning rate."
    ]


def _list_failed_runs(study: StudyRecord) -> list[str]:
    """Name each run at guessing that is far below the others of its variant. It counts as they do."""
    guessing = compute_guessing(study)
    share = f"{format_percent(guessing.accuracy, 1)} %" if guessing else ""
    return [
        f"One run stayed at guessing, which reaches {share}: {run.results['variant']} with seed "
        f"{run.results['seed']} has {format_percent(run.results['test_accuracy'], 1)} %, far "
        f"below its other seeds. It "
        "counts in every number."
        for run in find_failed_runs(study)
    ]


def _list_different_spreads(comparisons: Sequence[Comparison]) -> list[str]:
    """Name each variant whose accuracy varies more or less from seed to seed than that of the baseline."""
    return [
        f"From seed to seed the accuracy of {each.variant} varies {ratio.ratio:.1f} times as much as that of "
        f"{each.reference} ({format_level(ratio.level)} interval {ratio.interval[0]:.1f} to "
        f"{ratio.interval[1]:.1f}, for normal deviations)."
        for each in comparisons
        if each.reference == BASELINE and (ratio := each.spread_ratio) and ratio.is_different
    ]


def _average_accuracy(runs: Sequence[RunRecord]) -> float:
    """Return the mean test accuracy of some runs."""
    return float(sum(run.results["test_accuracy"] for run in runs)) / len(runs)


def _list_other_epochs(cell: Cell) -> list[str]:
    """Return the number of epochs of each variant that is not trained for the same number as the rest."""
    return [f"{variant} is trained for {count} epochs." for variant, count in cell.epochs.items()]


def _warn_of_weak_baseline(study: StudyRecord) -> list[str]:
    """Warn if the baseline is far below its published accuracy: gains over it mean little."""
    runs = study.get_runs(BASELINE)
    if not runs:
        return []
    accuracy = _average_accuracy(runs)
    published = find_published_accuracy(runs[0].config, runs[0].results)
    if published is None or accuracy >= published.accuracy - BASELINE_TOLERANCE:
        return []
    stem = f" with the {published.stem} stem" if published.stem else ""
    return [
        f"Weak baseline: {BASELINE} reaches {format_percent(accuracy, 1)} %, and "
        f"{published.model} is known to reach at "
        f"least {format_percent(published.accuracy, 1)} % on {published.data} in "
        f"{published.epochs} epochs{stem}. A gain over "
        "a weak baseline says little about attention."
    ]


def find_published_accuracy(
    config: Mapping[str, Any], results: Mapping[str, Any]
) -> PublishedAccuracy | None:
    """Return the published accuracy for at most the epochs of a run, or None if there is none.

    There is none for a part of the training images or for pretrained weights.
    """
    if config.get("train_size") or config.get("validation") or config.get("weights"):
        return None
    candidates = [
        published
        for published in PUBLISHED_ACCURACIES
        if published.data == results["data"]
        and published.epochs <= config["epochs"]
        and (
            published.model == config["model"]
            or (published.model == "convnet" and config["model"] in _RESNET_NAMES)
        )
    ]
    return max(candidates, key=lambda published: published.epochs, default=None)


def _list_loaded_weights(study: StudyRecord) -> list[str]:
    """Return for each variant which weights of a file were loaded."""
    first_runs = [(v, runs[0]) for v in study.variants if (runs := study.get_runs(v))]
    return [
        f"{variant}: {sentence}"
        for variant, run in first_runs
        if (sentence := describe_loaded_weights(run))
    ]


def describe_loaded_weights(run: RunRecord) -> str:
    """Return which weights a run loaded from its file, which it initialized, and which it converted.

    Empty for a run that starts from random weights.
    """
    report = run.results.get("weights")
    if report is None:
        return ""
    gate_keys = [key for key in report["missing"] if is_gate_key(key)]
    initialized = [key for key in report["missing"] if key not in gate_keys]
    initialized += [f"{len(gate_keys)} tensors of the gates"] if gate_keys else []
    text = f"{len(report['loaded'])} tensors were loaded from {Path(run.config['weights']).name}"
    text += f"; randomly initialized were {', '.join(initialized)}" if initialized else ""
    text += f"; {len(report['converted'])} were converted" if report["converted"] else ""
    return text + "."


def _warn_of_different_sites(cell: Cell) -> list[str]:
    """Warn of each pair of modules inserted at different kinds of sites, and name the matched variant."""
    inserted = {
        variant: (remove_option(variant, WHERE_OPTION), where)
        for variant, where in cell.where.items()
    }
    caveats = []
    pairs = combinations(inserted.items(), 2)
    for (first, (first_module, first_where)), (second, (second_module, second_where)) in pairs:
        differ_twice = first_module != second_module and first_where != second_where
        matched = {(second_module, first_where), (first_module, second_where)}
        if differ_twice and not matched & set(inserted.values()):
            caveats.append(
                f"{first} is inserted at {first_where!r} and {second} at {second_where!r}: they differ in two "
                f"things. The matched variant is {second_module}:{WHERE_OPTION}={first_where}."
            )
    return caveats


def _warn_of_small_controls(study: StudyRecord) -> list[str]:
    """Warn if a widened network has hardly more parameters than the baseline."""
    baseline_runs = study.get_runs(BASELINE)
    caveats = []
    for variant in study.variants:
        runs = study.get_runs(variant)
        if get_variant_name(variant) != WIDE_CONTROL or not runs or not baseline_runs:
            continue
        increase = runs[0].results["parameters"] / baseline_runs[0].results["parameters"] - 1
        if increase < _MIN_RELATIVE_WIDENING:
            caveats.append(
                f"{variant} has {format_points(increase)} % of the parameters of {BASELINE}: "
                f"nearly nothing, so this "
                "control says little here."
            )
    return caveats


def _warn_of_instruction_sets(study: StudyRecord) -> list[str]:
    """Warn if CPUs of different kinds trained the runs, and more strongly if they trained runs of one seed."""
    sets_by_seed: dict[int, set[str]] = {}
    for run in study.runs:
        name = run.environment.get("instruction_set")  # earlier versions did not record it
        if name is not None and run.config.get("device") == "cpu":
            sets_by_seed.setdefault(run.results["seed"], set()).add(name)
    mixed = {seed: names for seed, names in sets_by_seed.items() if len(names) > 1}
    seeds_by_set: dict[str, list[int]] = {}
    for seed in sets_by_seed.keys() - mixed.keys():
        (name,) = sets_by_seed[seed]
        seeds_by_set.setdefault(name, []).append(seed)
    caveats = []
    if mixed:
        names = join_with_and(sorted(set().union(*mixed.values())))
        caveats.append(
            f"Runs of {join_seeds(mixed)} were trained with different instruction sets ({names}): variants of "
            "one seed differ in rounding as well. Delete the runs of such a seed and run the study again."
        )
    if len(seeds_by_set) > 1:
        parts = [f"{name}: {join_seeds(seeds_by_set[name])}" for name in sorted(seeds_by_set)]
        caveats.append(
            f"Seeds were trained with different instruction sets ({'; '.join(parts)}); all variants of a seed "
            "with the same one."
        )
    return caveats


def _describe_easy_images(study: StudyRecord) -> list[str]:
    """Warn of small synthetic images, such as those of the demo: a verdict is about these images only."""
    if not study.runs:
        return []
    name, options = split_variant(str(study.runs[0].config.get("data")))
    side = int(options.get("size", _ORDINARY_SIDE))
    if name != "scenes" or side >= _ORDINARY_SIDE:
        return []
    return [
        f"The images are synthetic and small ({side} × {side} pixels), and the task is easy. A verdict on them "
        "need not hold for photographs."
    ]
