"""What is said of a hypothesis: what was found, what that does not say, and what is missing."""

from __future__ import annotations

from foveal.analysis.hypotheses.claims import Hypothesis
from foveal.analysis.hypotheses.effects import LEVEL, Effect
from foveal.analysis.hypotheses.evidence import Evidence
from foveal.stats import MIN_SEEDS
from foveal.stats.verdict import format_signed_points
from foveal.variant_names import BASELINE

GO_ON = "the same `foveal ablate` goes on"


def found_of(hypothesis: Hypothesis, mine: Effect, evidence: Evidence, *, planned: int) -> str:
    """Say what was found of the variant of a hypothesis, and what it does not say."""
    gain = f"the gain of {mine.variant} over {BASELINE}"
    change = f"{between(hypothesis, evidence)} {gain} changes by {format_signed_points(mine.change)} points"
    if mine.seeds < MIN_SEEDS:
        few = "one seed claims" if mine.seeds == 1 else "two seeds claim"
        return f"{few} nothing, and an answer needs at least {MIN_SEEDS}; {change}"
    low, high = map(format_signed_points, mine.interval)
    groups = len({place.group for place in evidence.places})
    within = f", within {groups} settings" if groups > 1 else ""
    seen = f"{mine.seeds} seeds, {mine.images} images{within}"
    clauses = [
        f"{change} ({100 * LEVEL:g} % interval {low} to {high}; {seen})",
        *limits(hypothesis, evidence),
    ]
    if mine.seeds > planned:
        clauses.append(
            f"planned for {planned} seeds and shown at {mine.seeds}: adding seeds until something shows "
            "raises the rate of false alarms"
        )
    return "; ".join(clauses)


def between(hypothesis: Hypothesis, evidence: Evidence) -> str:
    """Name the ends between which a change is told."""
    low, high = evidence.low, evidence.high
    if evidence.source == "sweep":
        return f"from {hypothesis.option} {low:g} to {high:g}"
    if hypothesis.covariate == "extent":
        what, ends = "the object's share of an image", f"{low:.1%} to {high:.1%}"
    else:
        what, ends = hypothesis.covariate, f"{low:.1f} to {high:.1f}"
    return f"from the 10th to the 90th percentile of {what}, {ends},"


def limits(hypothesis: Hypothesis, evidence: Evidence) -> list[str]:
    """Say what a finding does not say."""
    if evidence.source == "sweep":
        return ["the scenes of these cells differ in nothing else, in training and in test"]
    clauses = [
        "this is no cause: images that differ in one property differ in others too, and only a sweep "
        f"controls them ({grid(hypothesis)})"
    ]
    if evidence.source == "occlusion":
        clauses.append(
            f"the share was measured by occlusion of the networks of `{BASELINE}`, whose error pulls a slope "
            "to 0 and may go along with these networks' mistakes, which are in the gain"
        )
    return clauses


def grid(hypothesis: Hypothesis) -> str:
    """Return the option of `ablate` that sweeps the property.

    >>> from foveal.analysis.hypotheses.claims import VARYING_COLORS
    >>> grid(VARYING_COLORS)
    '--grid.data scenes:color_variation=0,scenes:color_variation=1'
    """
    return "--grid.data " + ",".join(f"scenes:{hypothesis.option}={end}" for end in hypothesis.ends)


def no_baseline() -> str:
    """Say that there is nothing yet to hold a variant against."""
    return f"no run of `{BASELINE}` is finished: {GO_ON}"


def no_covariates(hypothesis: Hypothesis) -> str:
    """Say what is missing where no image has the property, and how to get it."""
    return (
        f"no finished run of `{BASELINE}` has left the {hypothesis.covariate} of its test images: extras do, "
        "of color images, in a study in a new folder without --no-extras; or sweep it, in a new folder "
        f"too ({grid(hypothesis)})"
    )


def no_difference(hypothesis: Hypothesis) -> str:
    """Say that all images are alike in the property, and how to get others."""
    return (
        f"{hypothesis.covariate} hardly differs between these images: sweep it, in a new folder "
        f"({grid(hypothesis)})"
    )


def no_variant(hypothesis: Hypothesis, variants: tuple[str, ...]) -> str:
    """Say how to add the variant of the hypothesis to a study of others."""
    more = ",".join([*variants, hypothesis.variant])
    return f"the study has no variant `{hypothesis.variant}`: add it with --attention {more}"


def no_common_seed(variant: str, evidence: Evidence) -> str:
    """Say that the variant and `none` share no seed yet."""
    where = " in every cell concerned" if len(evidence.places) > 1 else ""
    return f"no seed is finished for both `{BASELINE}` and `{variant}`{where}: {GO_ON}"
