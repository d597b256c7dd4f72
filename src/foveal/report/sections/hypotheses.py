"""Claims about the images that attention helps with: the answers of this study, and the table of effects."""

from __future__ import annotations

import math
from collections.abc import Sequence

from foveal.analysis import HypothesisResult, check_hypotheses
from foveal.records import StudyRecord
from foveal.report.blocks import Block, Paragraph, TableBlock
from foveal.text_format import (
    ABSENT_VALUE,
    format_interval,
    format_level,
    format_points,
    use_minus_signs,
)
from foveal.text_tables import Table
from foveal.variant_names import BASELINE


def build_hypothesis_blocks(study: StudyRecord) -> list[Block]:
    """Return the answer to each hypothesis in a sentence, and the table of all effects."""
    results = check_hypotheses(study)
    blocks: list[Block] = [Paragraph(_format_answer(each)) for each in results]
    if any(result.effects for result in results):
        blocks.append(_build_effect_table(results))
    return blocks


def _format_answer(result: HypothesisResult) -> str:
    """Return the claim of a hypothesis, the answer of the study and the reason in one sentence."""
    claim = result.hypothesis.claim
    reason = use_minus_signs(result.reason).replace("`", "")
    return f"{claim[0].upper()}{claim[1:]}: {result.answer or 'no answer'}; {reason}."


def _build_effect_table(results: Sequence[HypothesisResult]) -> TableBlock:
    """Return a table with one row per variant: the change of its gain with the property of the images."""
    rows = []
    for result in results:
        for effect in result.effects:
            answer = (result.answer or "no answer") if effect.variant == result.variant else ""
            changes = _format_change(effect.change, effect.interval)
            changes += _format_change(effect.change_per_error, effect.interval_per_error)
            rows.append((result.hypothesis.claim, effect.variant, *changes, answer))
    level = format_level(results[0].level)
    headings = (
        "hypothesis",
        "variant",
        "change of the gain, points",
        f"{level} interval",
        f"change of the share of {BASELINE}'s errors removed, points",
        f"its {level} interval",
        "answer",
    )
    note = (
        "The change is from the lower to the upper end of the property. A hypothesis is supported if the gain "
        "falls with the object size or rises with the color variation. Rows without an answer are for "
        "comparison: a change that other variants and controls share is not specific to this variant. A gain "
        f"is bounded by what {BASELINE} gets wrong, so the share of its errors that a variant removes, net of "
        "new ones, is given as well."
    )
    table = Table(
        f"Change of the gain over {BASELINE}",
        headings,
        tuple(rows),
        note,
        text_headings=("variant", "answer"),
    )
    return TableBlock("hypotheses", table)


def _format_change(change: float, interval: tuple[float, float]) -> list[str]:
    """Return a change and its interval in points, each as a dash if it is unknown."""
    return [
        ABSENT_VALUE if math.isnan(change) else format_points(change),
        ABSENT_VALUE if math.isnan(interval[0]) else format_interval(interval),
    ]
