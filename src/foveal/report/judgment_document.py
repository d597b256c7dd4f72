"""Report of verdicts on a table of runs: the page of a study, without the parts that need records."""

from __future__ import annotations

from collections import Counter
from typing import Final

from foveal.analysis.run_tables import (
    describe_data_summaries,
    describe_next_runs,
    list_verdict_sentences,
    make_judgment_answer,
)
from foveal.report.blocks import (
    AnswerBlock,
    Block,
    Checklist,
    Columns,
    Fold,
    Heading,
    HtmlBlock,
    ListBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.document import ReportDocument
from foveal.report.inline_text import remove_inline_markup
from foveal.report.judgment_rows import build_judgment_table, list_shown
from foveal.report.templating import render_template
from foveal.stats import DataJudgment, Judgment, compute_detectable_difference
from foveal.stats.next_seeds import SEED_COUNTS
from foveal.text_format import format_count, join_seeds
from foveal.text_tables import Table

_MAX_LISTED_RUNS: Final = 1000
_CHECKS: Final = "checks"
_CHECKS_TITLE: Final = "Is it a fair comparison?"


def build_judgment_document(judgment: Judgment) -> ReportDocument:
    """Return the report of a judgment; with several data sets, a section for each."""
    styles = _choose_styles(judgment)
    heading = _write_question(judgment)
    checks = _make_checklist(judgment)
    careful = checks.warnings
    several = len(judgment.parts) > 1
    sections: list[Section] = []
    top: tuple[Block, ...]
    if several:
        counts = Counter(make_judgment_answer(judgment, part).title for part in judgment.parts)
        words = [f"{title.rstrip('.').lower()} on {count}" for title, count in counts.items()]
        summary = f"{', '.join(words).capitalize()} of {len(judgment.parts)} data sets."
        top = (
            Paragraph(
                f"**{summary}** Each data set is a comparison of its own; all share one error rate."
            ),
            *([Paragraph(f"Careful: {', '.join(dict.fromkeys(careful))}.")] if careful else []),
            *map(Paragraph, describe_data_summaries(judgment)),
        )
    else:
        answer = make_judgment_answer(judgment, judgment.parts[0])
        summary = answer.title
        top = (AnswerBlock(answer, careful, _CHECKS),)
    for number, part in enumerate(judgment.parts, 1):
        blocks = _build_part(judgment, part, styles, number)
        if several:
            blocks = [AnswerBlock(make_judgment_answer(judgment, part)), *blocks]
            sections.append(Section(f"setting{number}", part.data, tuple(blocks)))
        else:
            sections.append(Section("results", "Results", tuple(blocks)))
    sections.append(_build_checks_section(judgment, checks))
    sections.append(Section("raw", "Raw tables", (_list_every_run(judgment),)))
    unit = "Points are percentage points. " if judgment.scale.is_accuracy else ""
    return ReportDocument(
        heading,
        remove_inline_markup(f"{heading} {summary}"),
        _list_facts(judgment),
        top,
        (),
        tuple(sections),
        tuple((index, name) for name, index in styles.items()),
        files_hint="`--markdown FILE` and `--latex FILE` write the table of verdicts for other documents.",
        origin=f"Made by `foveal judge` from a table of runs. {unit}",
    )


def _choose_styles(judgment: Judgment) -> dict[str, int]:
    """Return the style index of each variant, the same for all data sets; 0 for the baseline."""
    names = dict.fromkeys(name for part in judgment.parts for name in list_shown(judgment, part))
    others = [name for name in names if name != judgment.baseline]
    return {judgment.baseline: 0} | {name: index for index, name in enumerate(others, 1)}


def _write_question(judgment: Judgment) -> str:
    """Return the question of the page."""
    variants = list(dict.fromkeys(each.variant for each in judgment.comparisons))
    subject = variants[0] if len(variants) == 1 else "any variant"
    count = len(judgment.parts)
    place = f" on {format_count(count, 'data set')}" if count > 1 else ""
    return f"Is {subject} better than {judgment.baseline}{place}?"


def _list_facts(judgment: Judgment) -> tuple[str, ...]:
    """Return the facts of the table in one line."""
    runs = [each for part in judgment.parts for each in part.runs.values()]
    unit = judgment.scale.unit
    facts = [
        f"{judgment.outcome}, {'best epochs' if judgment.is_best else 'final values'}",
        "lower is better" if judgment.lower_is_better else "",
        format_count(sum(len(each.seeds) for each in runs), "run"),
        join_seeds(seed for each in runs for seed in each.seeds),
        "no margin"
        if judgment.margin is None
        else f"margin {unit.format_size(judgment.margin * abs(judgment.scale.factor))}{unit.suffix}",
    ]
    return tuple(fact for fact in facts if fact)


def _build_part(
    judgment: Judgment, part: DataJudgment, styles: dict[str, int], number: int
) -> list[Block]:
    """Return the table of one data set, how to read it, the reason of each verdict, and what would decide."""
    suffix = "" if number == 1 else f"-{number}"
    sentences = [
        (styles[name], f"`{name}`: {text}")
        for name, text in list_verdict_sentences(part)
        if name in styles
    ]
    return [
        build_judgment_table(judgment, part, styles=styles, name=f"results{suffix}"),
        Fold(
            "How to read this table",
            "",
            (
                HtmlBlock(render_template("verdict_examples.html.j2")),
                Paragraph(_explain_intervals(part)),
            ),
        ),
        ListBlock(tuple(sentences)),
        *_build_next_steps(judgment, part, f"next-steps{suffix}"),
    ]


def _explain_intervals(part: DataJudgment) -> str:
    """Return where the intervals are from."""
    start = (
        "The interval says where the true difference can plausibly be, given how much runs vary. "
    )
    if any(each.sequential is not None for each in part.comparisons):
        return (
            f"{start}It is as wide as all comparisons at all looks together need to be right in 95 % of "
            "studies."
        )
    return (
        f"{start}It is Welch's interval, at a level that keeps all comparisons of the table right together in "
        "95 % of studies (Bonferroni correction). Equivalence is tested on each side separately, with a "
        "slightly narrower interval, which the row of an equivalent variant shows."
    )


def _build_next_steps(judgment: Judgment, part: DataJudgment, name: str) -> list[Block]:
    """Return the runs to train next, and which differences more seeds would find; empty if all is decided."""
    sentences = [Paragraph(sentence) for sentence in describe_next_runs(part)]
    if not sentences:
        return []
    steps: list[Block] = [Heading("What it would take to decide"), *sentences]
    unit = judgment.scale.unit
    spreads = [
        (each.seed_sd, 1 - each.level)
        for each in part.comparisons
        if each.verdict == "undecided" and each.seed_sd and each.sequential is None
    ]
    if not spreads:
        return steps
    rows = []
    for seeds in SEED_COUNTS:
        found = [
            compute_detectable_difference(sd=sd, seeds=seeds, alpha=alpha) for sd, alpha in spreads
        ]
        ends = dict.fromkeys(unit.format_size(each) for each in (min(found), max(found)))
        rows.append((str(seeds), f"{' to '.join(ends)}{unit.suffix}"))
    table = Table(
        "More seeds find smaller differences" + (f", {part.data}" if part.data else ""),
        ("seeds per variant", "smallest difference found"),
        tuple(rows),
        "With seeds as different as these, a new table of so many seeds finds such a true difference with 80 % "
        "power.",
    )
    return [Columns(tuple(steps), (TableBlock(name, table, is_sortable=False),))]


def _make_checklist(judgment: Judgment) -> Checklist:
    """Return the checks: best epochs, suspicions, or that there are none, and the unchecked ones."""
    checks = []
    if judgment.is_best:
        text = (
            "The values are best epochs or maxima over epochs, which favor variants that vary more."
        )
        checks.append((False, "Best epochs.", text))
    checks += [(False, f"{each.kind.capitalize()}.", each.text) for each in judgment.suspicions]
    if not judgment.suspicions:
        text = "There is no sign of copied runs, missing seeds, mixed units or impossible values."
        checks.append((True, "Values.", text))
    return Checklist(tuple(checks))


def _build_checks_section(judgment: Judgment, checks: Checklist) -> Section:
    """Return the checks, those that could not be made, and how the table was read."""
    blocks: list[Block] = [checks]
    for title, sentences in (
        ("Not checked", judgment.unchecked),
        ("How the table was read", judgment.notes),
    ):
        if sentences:
            blocks += [Heading(title), *map(Paragraph, sentences)]
    return Section(_CHECKS, _CHECKS_TITLE, tuple(blocks))


def _list_every_run(judgment: Judgment) -> Block:
    """Return the folded table of every run; very long tables show their first runs."""
    rows = [
        (name, str(seed), f"{value:.12g}", *([part.data] if part.data else []))
        for part in judgment.parts
        for name in list_shown(judgment, part)
        for seed, value in zip(part.runs[name].seeds, part.runs[name].values, strict=True)
    ]
    note = (
        ""
        if len(rows) <= _MAX_LISTED_RUNS
        else f"The first {_MAX_LISTED_RUNS:,} of {len(rows):,} runs."
    )
    headings = ("variant", "seed", judgment.outcome, *(["data"] if judgment.parts[0].data else []))
    table = Table(
        "Every run", headings, tuple(rows[:_MAX_LISTED_RUNS]), note, text_headings=("data",)
    )
    return Fold("Every run", format_count(len(rows), "run"), (TableBlock("runs", table),))
