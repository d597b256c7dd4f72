"""Comparisons of pairs of samples by one rule, at planned looks or at once, with reasons in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from foveal.stats.comparison import MIN_SEEDS, Comparison
from foveal.stats.look_comparison import compare_at_looks
from foveal.stats.sample import Sample, select_common_seeds, select_leading_seeds
from foveal.stats.sample_comparison import Rule, compare_samples
from foveal.stats.sequential import SequentialDesign

# Rate of studies without a difference that show one if the result is checked after each seed from
# 3 to 20 at level 5 %; measured by `python benchmarks/calibration.py`.
REPEATED_LOOKS_ERROR_RATE: Final = 0.21


def compare_pairs(
    samples: Mapping[str, Sample],
    pairs: Sequence[tuple[str, str]],
    *,
    rule: Rule,
    planned_seeds: int | None = None,
    design: SequentialDesign | None = None,
    seed_order: Sequence[int] | None = None,
) -> list[Comparison]:
    """Compare the samples of each pair, a variant and its reference, on the seeds that both have.

    Args:
        samples: the samples by variant; a pair without a common seed is left out.
        pairs: names of the variant and of the reference.
        rule: the rule; with `design`, its levels are those of the looks.
        planned_seeds: seeds per variant that the study was planned for.
        design: looks, at which seeds count in order.
        seed_order: the seeds of a design in order; by default all seeds of the samples, sorted.
    """
    if seed_order is None:
        seed_order = sorted({seed for sample in samples.values() for seed in sample.seeds})
    found = []
    for variant, reference in pairs:
        if {variant, reference} <= samples.keys():
            sample, other = select_common_seeds(samples[variant], samples[reference])
            if design is not None:
                sample, other = select_leading_seeds(sample, other, seed_order)
                found += [compare_at_looks(sample, other, design, rule)] if sample.seeds else []
            elif sample.seeds:
                comparison = compare_samples(sample, other, rule)
                found.append(_add_clauses(replace(comparison, planned_seeds=planned_seeds)))
    return found


def _add_clauses(comparison: Comparison) -> Comparison:
    """Add to the reason what the comparison could detect, and what was left out or added."""
    for add_clause in _name_detectable_difference, _flag_omitted_runs, _flag_extra_seeds:
        comparison = add_clause(comparison)
    return comparison


def _name_detectable_difference(comparison: Comparison) -> Comparison:
    """Add to the reason of an undecided comparison which difference so many seeds detect."""
    detectable = comparison.detectable_difference
    if comparison.verdict != "undecided" or comparison.has_learned_nothing or detectable is None:
        return comparison
    clause = (
        f"{comparison.seeds} seeds per variant find a true difference of "
        f"{comparison.unit.format_size(detectable)}{comparison.unit.suffix} with 80 % power"
    )
    return replace(comparison, reason=f"{comparison.reason}; {clause}")


def _flag_omitted_runs(comparison: Comparison) -> Comparison:
    """Add to the reason how many runs are left out because only one of the two has their seeds."""
    omitted = {
        comparison.variant: comparison.omitted_runs,
        comparison.reference: comparison.omitted_reference_runs,
    }
    counts = [f"{n} {'run' if n == 1 else 'runs'} of {name}" for name, n in omitted.items() if n]
    if not counts:
        return comparison
    seeds = "the seed that both have counts"
    if comparison.seeds > 1:
        seeds = f"the {comparison.seeds} seeds that both have count"
    verb = "is" if sum(omitted.values()) == 1 else "are"
    clause = f"only {seeds}: {' and '.join(counts)} {verb} left out"
    return replace(comparison, reason=f"{comparison.reason}; {clause}")


def _flag_extra_seeds(comparison: Comparison) -> Comparison:
    """Add to the reason that seeds were added to the study and how that affects false positives."""
    if not comparison.exceeds_planned_seeds:
        return comparison
    noun = "seed" if comparison.planned_seeds == 1 else "seeds"
    clause = f"planned for {comparison.planned_seeds} {noun} and evaluated at {comparison.seeds}"
    if comparison.seeds < MIN_SEEDS:  # no claim that could be false
        return replace(comparison, reason=f"{comparison.reason}; {clause}")
    clause += (
        ": adding seeds until a difference shows raises the rate of false positives from 5 % to as much as "
        f"{100 * REPEATED_LOOKS_ERROR_RATE:.0f} % if the result is checked after each seed from 3 to 20"
    )
    return replace(comparison, reason=f"{comparison.reason}; {clause}")
