"""Whether attention helps most where it is said to: the old observations, held against this study."""

from __future__ import annotations

import math

from foveal.analysis.hypotheses import HypothesisResult, check_hypotheses
from foveal.records import StudyRecord
from foveal.report.blocks import Block, Section, Table, Text
from foveal.text_format import ABSENT, format_interval, format_level, format_points, use_minus_signs
from foveal.text_tables import Table as TextTable


def hypotheses_section(study: StudyRecord) -> Section:
    """Return the answer to each hypothesis in a sentence, and the table of all effects."""
    found = check_hypotheses(study)
    blocks: list[Block] = [Text(sentence(one), quiet=False) for one in found]
    if any(one.effects for one in found):
        blocks.append(effects_table(found))
    return Section("hypotheses", "Where is attention said to help?", tuple(blocks))


def sentence(finding: HypothesisResult) -> str:
    """Return a claim and what the study says of it."""
    claim = finding.hypothesis.claim
    reason = use_minus_signs(finding.reason).replace("`", "")
    return f"{claim[0].upper()}{claim[1:]}: {finding.answer or 'no answer'}; {reason}."


def effects_table(found: list[HypothesisResult]) -> Table:
    """Return one row a variant: how its gain changes with the property of the images."""
    rows = []
    for one in found:
        for effect in one.effects:
            ends = ABSENT if math.isnan(effect.interval[0]) else format_interval(effect.interval)
            answer = (one.answer or "no answer") if effect.variant == one.variant else ""
            rows.append(
                (one.hypothesis.claim, effect.variant, format_points(effect.change), ends, answer)
            )
    headings = (
        "hypothesis",
        "variant",
        "change of the gain, points",
        f"{format_level(found[0].level)} interval",
        "answer",
    )
    note = (
        "From the lower to the upper end of the property; support is a fall with the object's size, a rise "
        "with colors. Rows without an answer stand for comparison: a change that other variants and controls "
        "share is no merit of this one."
    )
    words = ("variant", "answer")
    table = TextTable(
        "Change of the gain over none", headings, tuple(rows), note, text_headings=words
    )
    return Table("hypotheses", table)
