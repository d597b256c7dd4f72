"""Two earlier observations as hypotheses that the records of a study support or contradict.

"Spatial attention helps most where the object is small, channel attention where colors vary." Each claims
how the gain over the baseline changes with a property of the images, and so predicts the sign of a slope.
If cells of a study are `scenes` that differ in the property alone, the slope is taken over the cells;
otherwise over the test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foveal.analysis.hypotheses import sentences
from foveal.analysis.hypotheses.claims import HYPOTHESES, Hypothesis
from foveal.analysis.hypotheses.effects import (
    CONFIDENCE_LEVEL,
    Answer,
    Effect,
    answer_from_interval,
    compute_effect,
)
from foveal.analysis.hypotheses.evidence import Source, find_evidence
from foveal.records import StudyRecord
from foveal.variant_names import BASELINE, get_variant_name


@dataclass(frozen=True)
class HypothesisResult:
    """Result of one hypothesis in a study.

    `effects` starts with the variant of the hypothesis if it has an effect: only that effect decides.
    `answer` is None without an answer; `reason` gives the finding, or what is missing and how to get it.
    `low` and `high` are the ends of the property, and `source` is its source.
    """

    hypothesis: Hypothesis
    variant: str
    reason: str
    answer: Answer | None = None
    effects: tuple[Effect, ...] = ()
    source: Source | None = None
    low: float | None = None
    high: float | None = None
    level: float = CONFIDENCE_LEVEL


def check_hypotheses(study: StudyRecord) -> list[HypothesisResult]:
    """Test both hypotheses on a study; they share the error rate of 5 % (97.5 % intervals).

    The gain of an image and a seed is 1 if only the variant classifies the image correctly, -1 if only the
    baseline does, otherwise 0; runs of one seed share backbone, data order and augmentation. The slope of
    the gain on the property, by `stats.fit_two_way_slope`, is reported as the change from the smallest to the
    largest value of a sweep, or from the 10th to the 90th percentile of the images. A seed counts if it is
    finished in all cells concerned. If cells differ in more than the property, slopes are taken within
    groups of cells that do not. An extent that networks measure is, for the gain of a seed, the mean over the
    networks of the other seeds.

    A gain is bounded by what the baseline gets wrong, so a slope per error of the baseline is reported as
    well. It does not change the answer, but a different answer by it is part of the reason.
    """
    return [_check_hypothesis(study, hypothesis) for hypothesis in HYPOTHESES]


def _check_hypothesis(study: StudyRecord, hypothesis: Hypothesis) -> HypothesisResult:
    """Test one hypothesis on a study."""
    claimed = _find_claimed_variant(study.variants, hypothesis.variant)
    result = HypothesisResult(hypothesis, claimed or hypothesis.variant, "")
    if not study.get_runs(BASELINE):
        return replace(result, reason=sentences.describe_missing_baseline())
    evidence = find_evidence(study, hypothesis)
    if evidence is None:
        return replace(result, reason=sentences.describe_missing_covariate(hypothesis))
    if not evidence.low < evidence.high:
        return replace(result, reason=sentences.describe_constant_property(hypothesis))
    variants = [] if claimed is None else [claimed]
    variants += [variant for variant in study.variants if variant not in (BASELINE, claimed)]
    effects = [effect for v in variants if (effect := compute_effect(evidence, v)) is not None]
    result = replace(
        result,
        effects=tuple(effects),
        source=evidence.source,
        low=evidence.low,
        high=evidence.high,
    )
    if claimed is None:
        reason = sentences.describe_missing_variant(hypothesis, study.variants)
        return replace(result, reason=reason)
    effect = next((effect for effect in effects if effect.variant == claimed), None)
    if effect is None:
        return replace(result, reason=sentences.describe_no_common_seed(claimed, evidence))
    planned_seeds = study.design.planned_seeds
    reason = sentences.describe_effect(hypothesis, effect, evidence, planned_seeds=planned_seeds)
    answer = answer_from_interval(effect.interval, hypothesis.sign)
    return replace(result, answer=answer, reason=reason)


def _find_claimed_variant(variants: Sequence[str], name: str) -> str | None:
    """Return the variant of a name without options, otherwise the first with options, or None.

    >>> _find_claimed_variant(["none", "spatial:where=conv", "channel"], "spatial")
    'spatial:where=conv'
    """
    candidates = [variant for variant in variants if get_variant_name(variant) == name]
    return name if name in candidates else next(iter(candidates), None)
