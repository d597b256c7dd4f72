"""What has to be said beside any verdict of a study, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from foveal.models.build import RESNETS
from foveal.records import RunRecord, StudyRecord
from foveal.records.design import Cell
from foveal.variant_names import (
    BASELINE,
    WHERE_OPTION,
    WIDE_CONTROL,
    get_variant_name,
    is_gate_key,
    remove_option,
)

NEARLY_NOTHING = 0.01  # of the parameters
AT_CHANCE = 1.2  # times the accuracy of guessing
FAR_BELOW = 0.03  # of accuracy, under the lower end of what others reach


@dataclass(frozen=True)
class Anchor:
    """What a plain network is known to reach: least accuracy after so many epochs of all images."""

    data: str
    model: str
    stem: str
    epochs: int
    accuracy: float


# Lower ends of published final-epoch accuracies (ResNets, 200 epochs, stem of CIFAR); that of the
# ConvNet is what `foveal train --data cifar10 --epochs 10` reaches, and no ResNet should stay under it.
ANCHORS = (
    Anchor("cifar10", "resnet18", "cifar", 200, 0.948),
    Anchor("cifar10", "resnet34", "cifar", 200, 0.953),
    Anchor("cifar10", "resnet50", "cifar", 200, 0.954),
    Anchor("cifar100", "resnet18", "cifar", 200, 0.756),
    Anchor("cifar100", "resnet34", "cifar", 200, 0.768),
    Anchor("cifar100", "resnet50", "cifar", 200, 0.774),
    Anchor("cifar10", "convnet", "", 10, 0.835),
)


def find_caveats(record: StudyRecord) -> list[str]:
    """Return one sentence each; none where there is nothing to say."""
    notes = [*other_margin(record)]
    for part in record.parts():
        cell = part.cell or Cell()
        where = f"{cell.label}: " if cell.label else ""
        found = [
            *nothing_learned(part),
            *weak_baseline(part),
            *other_lengths(part),
            *loaded_weights(part),
            *different_places(cell),
            *small_controls(part),
        ]
        notes += [where + note for note in found]
    return notes


def other_margin(record: StudyRecord) -> list[str]:
    """Say so where verdicts are by another margin than the study was made with."""
    design = record.design
    if design.margin == design.planned_margin:
        return []
    return [
        f"The margin was {design.planned_margin:g} points when the study was made and is "
        f"{design.margin:g} now: a margin that is chosen after a look at the result decides too easily."
    ]


def nothing_learned(part: StudyRecord) -> list[str]:
    """Warn where the plain network is at chance: two that have learned nothing are no equal methods."""
    runs = part.runs_of(BASELINE)
    if not runs:
        return []
    reached, chance = mean_accuracy(runs), 1 / len(runs[0].results["classes"])
    if reached > AT_CHANCE * chance:
        return []
    return [
        f"Nothing was learned: {BASELINE} reaches {reached:.1%}, and guessing {chance:.1%}; no verdict "
        "here says anything about attention."
    ]


def mean_accuracy(runs: Sequence[RunRecord]) -> float:
    """Return the mean test accuracy of some runs."""
    return float(sum(run.results["test_accuracy"] for run in runs)) / len(runs)


def other_lengths(part: StudyRecord) -> list[str]:
    """Say for how many epochs a variant was trained that has a length of its own."""
    epochs = (part.cell or Cell()).epochs
    return [f"{variant} is trained for {count} epochs." for variant, count in epochs.items()]


def weak_baseline(part: StudyRecord) -> list[str]:
    """Warn where the plain network is far below what it is known to reach: gains over it mean little."""
    runs = part.runs_of(BASELINE)
    if not runs:
        return []
    config, results = runs[0].config, runs[0].results
    reached = mean_accuracy(runs)
    anchor = anchor_of(config, results)
    if anchor is None or reached >= anchor.accuracy - FAR_BELOW:
        return []
    stem = f" with the stem of {anchor.stem}" if anchor.stem else ""
    return [
        f"Weak baseline: {BASELINE} reaches {reached:.1%}, and {anchor.model} is known to reach at "
        f"least {anchor.accuracy:.1%} on {anchor.data} in {anchor.epochs} epochs{stem}; a gain over a crippled "
        "baseline says little about attention."
    ]


def anchor_of(config: Mapping[str, Any], results: Mapping[str, Any]) -> Anchor | None:
    """Return what is known of a network trained at least so long on at least these images."""
    if config.get("train_size") or config.get("validation") or config.get("weights"):
        return None
    known = [
        anchor
        for anchor in ANCHORS
        if anchor.data == results["data"]
        and anchor.epochs <= config["epochs"]
        and (
            anchor.model == config["model"]
            or (anchor.model == "convnet" and config["model"] in RESNETS)
        )
    ]
    return max(known, key=lambda anchor: anchor.epochs, default=None)


def loaded_weights(part: StudyRecord) -> list[str]:
    """Say of each variant what of a file of weights was loaded."""
    first = [(variant, runs[0]) for variant in part.variants if (runs := part.runs_of(variant))]
    return [
        f"{variant}: {said}" for variant, run in first if (said := describe_loaded_weights(run))
    ]


def describe_loaded_weights(run: RunRecord) -> str:
    """Say what a run loaded from its file of weights, what was drawn anew, and what was converted."""
    account = run.results.get("weights")
    if account is None:
        return ""
    gates = [key for key in account["missing"] if is_gate_key(key)]
    drawn = [key for key in account["missing"] if key not in gates]
    drawn += [f"{len(gates)} tensors of the gates"] if gates else []
    said = f"{len(account['loaded'])} tensors were loaded from {Path(run.config['weights']).name}"
    said += f"; drawn anew were {', '.join(drawn)}" if drawn else ""
    said += f"; {len(account['converted'])} were converted" if account["converted"] else ""
    return said + "."


def different_places(cell: Cell) -> list[str]:
    """Name the pairs of modules that stand at different places, and the arm that would match."""
    placed = {
        variant: (remove_option(variant, WHERE_OPTION), place)
        for variant, place in cell.places.items()
    }
    notes = []
    for (first, (module, place)), (second, (other, elsewhere)) in combinations(placed.items(), 2):
        in_two_things = module != other and place != elsewhere
        if in_two_things and not {(other, place), (module, elsewhere)} & set(placed.values()):
            notes.append(
                f"{first} stands at {place!r} and {second} at {elsewhere!r}: held against each other "
                f"they differ in two things; the matched arm is {other}:where={place}."
            )
    return notes


def small_controls(part: StudyRecord) -> list[str]:
    """Say where a network made as large as another is hardly larger than the plain one."""
    plain = part.runs_of(BASELINE)
    notes = []
    for variant in part.variants:
        runs = part.runs_of(variant)
        if get_variant_name(variant) != WIDE_CONTROL or not runs or not plain:
            continue
        least = plain[0].results["parameters"]
        more = runs[0].results["parameters"] / least - 1
        if more < NEARLY_NOTHING:
            notes.append(
                f"{variant} has {more:+.2%} of the parameters of {BASELINE}: nearly nothing, so this "
                "control says little here."
            )
    return notes
