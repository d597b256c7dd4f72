"""Two old observations as hypotheses that a study supports or contradicts, from its records alone.

"Spatial attention helps most where the object is small, channel attention where colors vary." Each says
how the gain over `none` changes with a property of the images, so it predicts the sign of a slope. Where
cells of a study are `scenes` that differ in that property alone, the slope is taken over them; else over
the images as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from foveal.analysis.hypotheses import sentences
from foveal.analysis.hypotheses.claims import HYPOTHESES, Hypothesis
from foveal.analysis.hypotheses.effects import LEVEL, Answer, Effect, answer_of, effect_of
from foveal.analysis.hypotheses.evidence import Source, evidence_for
from foveal.records import StudyRecord
from foveal.variant_names import BASELINE


@dataclass(frozen=True)
class HypothesisResult:
    """What a study says of one hypothesis.

    `effects` has the variant of the hypothesis first, where it has an effect: it alone decides. `answer`
    is None where there is none; `reason` says what was found, or what is missing and how to get it. `low`
    and `high` are the ends of the property, and `source` is where it comes from.
    """

    hypothesis: Hypothesis
    variant: str
    reason: str
    answer: Answer | None = None
    effects: tuple[Effect, ...] = ()
    source: Source | None = None
    low: float | None = None
    high: float | None = None
    level: float = LEVEL


def check_hypotheses(record: StudyRecord) -> list[HypothesisResult]:
    """Hold both hypotheses against a study; they share the error rate of 5 % (97.5 % intervals).

    The gain of an image, by seed, is whether the variant gets it right less whether `none` does, whose
    runs of one seed share backbone, data order and augmentation. Its slope on the property, by
    `stats.two_way_slope`, is told as the change from the smallest to the largest value of a sweep, or
    from the 10th to the 90th percentile of the images. Only seeds count that are finished in all cells
    concerned. Where cells differ in more than the property, the slope is that within those that do not.
    """
    return [finding(record, hypothesis) for hypothesis in HYPOTHESES]


def finding(record: StudyRecord, hypothesis: Hypothesis) -> HypothesisResult:
    """Hold one hypothesis against a study."""
    own = own_variant(record.variants, hypothesis.variant)
    missing = HypothesisResult(hypothesis, own or hypothesis.variant, "")
    if not record.runs_of(BASELINE):
        return replace(missing, reason=sentences.no_baseline())
    evidence = evidence_for(record, hypothesis)
    if evidence is None:
        return replace(missing, reason=sentences.no_covariates(hypothesis))
    if not evidence.low < evidence.high:
        return replace(missing, reason=sentences.no_difference(hypothesis))
    first = [] if own is None else [own]
    variants = first + [v for v in record.variants if v not in (BASELINE, own)]
    found = [effect for v in variants if (effect := effect_of(evidence, v)) is not None]
    told = replace(
        missing,
        effects=tuple(found),
        source=evidence.source,
        low=evidence.low,
        high=evidence.high,
    )
    if own is None:
        return replace(told, reason=sentences.no_variant(hypothesis, record.variants))
    mine = next((effect for effect in found if effect.variant == own), None)
    if mine is None:
        return replace(told, reason=sentences.no_common_seed(own, evidence))
    planned = record.design.planned_seeds
    reason = sentences.found_of(hypothesis, mine, evidence, planned=planned)
    return replace(told, answer=answer_of(mine, hypothesis.sign), reason=reason)


def own_variant(variants: Sequence[str], name: str) -> str | None:
    """Return the variant of that name, else the first that has it with options.

    >>> own_variant(["none", "spatial:where=conv", "channel"], "spatial")
    'spatial:where=conv'
    """
    same = [variant for variant in variants if variant.partition(":")[0] == name]
    return name if name in same else next(iter(same), None)
