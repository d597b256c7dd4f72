"""Sentences about a hypothesis: the effect found, its limits, and what is missing."""

from __future__ import annotations

import math

from foveal.analysis.hypotheses.claims import Hypothesis
from foveal.analysis.hypotheses.effects import CONFIDENCE_LEVEL, Effect, answer_from_interval
from foveal.analysis.hypotheses.evidence import Evidence
from foveal.stats import MIN_SEEDS
from foveal.stats.outcome_unit import POINTS
from foveal.variant_names import BASELINE

_RESUME_HINT = "run the same `foveal ablate` command again to resume"


def describe_effect(
    hypothesis: Hypothesis, effect: Effect, evidence: Evidence, *, planned_seeds: int
) -> str:
    """Return the effect of the variant of a hypothesis, and its limits."""
    gain = f"the gain of {effect.variant} over {BASELINE}"
    points = POINTS.format_signed(effect.change)
    change = f"{_describe_range(hypothesis, evidence)} {gain} changes by {points} points"
    if effect.seeds < MIN_SEEDS:
        few = "one seed claims" if effect.seeds == 1 else "two seeds claim"
        return f"{few} nothing, and an answer needs at least {MIN_SEEDS}; {change}"
    low, high = map(POINTS.format_signed, effect.interval)
    groups = len({cell.group for cell in evidence.cells})
    within = f", within {groups} settings" if groups > 1 else ""
    sample = f"{effect.seeds} seeds, {effect.images} images{within}"
    clauses = [
        f"{change} ({100 * CONFIDENCE_LEVEL:g} % interval {low} to {high}; {sample})",
        *_list_changes_per_error(hypothesis, effect),
        *_list_limits(hypothesis, evidence),
    ]
    if effect.seeds > planned_seeds:
        clauses.append(
            f"planned for {planned_seeds} seeds and shown at {effect.seeds}: adding seeds until something "
            "shows raises the rate of false alarms"
        )
    return "; ".join(clauses)


def _list_changes_per_error(hypothesis: Hypothesis, effect: Effect) -> list[str]:
    """Return the effect per error of the baseline, and its answer if it differs; empty if it is unknown."""
    if math.isnan(effect.change_per_error):
        return []
    points = POINTS.format_signed(effect.change_per_error)
    low, high = map(POINTS.format_signed, effect.interval_per_error)
    clauses = [
        f"the share of {BASELINE}'s errors that {effect.variant} removes changes by {points} points "
        f"({low} to {high})"
    ]
    answers = [
        answer_from_interval(interval, hypothesis.sign)
        for interval in (effect.interval, effect.interval_per_error)
    ]
    if answers[0] != answers[1]:
        clauses.append(
            f"by this share the answer would be {answers[1]}: a gain is bounded by the errors of {BASELINE}, "
            "and their number changes with the property"
        )
    return clauses


def _describe_range(hypothesis: Hypothesis, evidence: Evidence) -> str:
    """Return the ends of the property between which a change is reported."""
    low, high = evidence.low, evidence.high
    if evidence.source == "sweep":
        return f"from {hypothesis.option} {low:g} to {high:g}"
    if hypothesis.covariate == "extent":
        name, ends = "the object's share of an image", f"{low:.1%} to {high:.1%}"
    else:
        name, ends = hypothesis.covariate, f"{low:.1f} to {high:.1f}"
    return f"from the 10th to the 90th percentile of {name}, {ends},"


def _list_limits(hypothesis: Hypothesis, evidence: Evidence) -> list[str]:
    """Return the limits of an effect."""
    if evidence.source == "sweep":
        return ["the scenes of these cells differ in nothing else, in training and in test"]
    clauses = [
        "this does not show a cause: images that differ in one property differ in others too, and only a "
        f"sweep controls them ({_format_sweep_option(hypothesis)})"
    ]
    if evidence.source == "occlusion":
        clauses.append(
            f"the share was measured by occlusion with the `{BASELINE}` networks of the other seeds, and its "
            "error pulls a slope to 0"
        )
    return clauses


def _format_sweep_option(hypothesis: Hypothesis) -> str:
    """Return the option of `ablate` that sweeps the property.

    >>> from foveal.analysis.hypotheses.claims import VARYING_COLORS_HYPOTHESIS
    >>> _format_sweep_option(VARYING_COLORS_HYPOTHESIS)
    '--grid.data scenes:color_variation=0,scenes:color_variation=1'
    """
    sources = [f"scenes:{hypothesis.option}={value}" for value in hypothesis.sweep_values]
    return f"--grid.data {','.join(sources)}"


def describe_missing_baseline() -> str:
    """Return the reason for no answer without a finished baseline run."""
    return f"no run of `{BASELINE}` is finished: {_RESUME_HINT}"


def describe_missing_covariate(hypothesis: Hypothesis) -> str:
    """Return the reason for no answer if no image has a known property."""
    return (
        f"no finished run of `{BASELINE}` has stored the {hypothesis.covariate} of its test images: run a "
        "study of color images in a new folder without --no-extras, or a sweep in a new folder "
        f"({_format_sweep_option(hypothesis)})"
    )


def describe_constant_property(hypothesis: Hypothesis) -> str:
    """Return the reason for no answer if the property hardly varies over the images."""
    return (
        f"{hypothesis.covariate} hardly differs between these images: sweep it, in a new folder "
        f"({_format_sweep_option(hypothesis)})"
    )


def describe_missing_variant(hypothesis: Hypothesis, variants: tuple[str, ...]) -> str:
    """Return the reason for no answer in a study without the variant of the hypothesis."""
    attention = ",".join([*variants, hypothesis.variant])
    return f"the study has no variant `{hypothesis.variant}`: add it with --attention {attention}"


def describe_no_common_seed(variant: str, evidence: Evidence) -> str:
    """Return the reason for no answer if no seed is finished for both variants."""
    suffix = " in every cell concerned" if len(evidence.cells) > 1 else ""
    return f"no seed is finished for both `{BASELINE}` and `{variant}`{suffix}: {_RESUME_HINT}"
