"""Verdicts on a table of runs as a page, as Markdown for a pull request, and as LaTeX."""

from __future__ import annotations

from foveal.analysis.run_tables import (
    describe_data_summaries,
    describe_next_runs,
    list_remarks,
    make_judgment_answer,
    make_verdict_table,
)
from foveal.report.html_page import render_report_html
from foveal.report.inline_text import render_inline_markdown
from foveal.report.judgment_document import build_judgment_document
from foveal.stats import Judgment
from foveal.text_tables import escape_markdown, render_latex, render_markdown


def render_judgment_html(judgment: Judgment) -> str:
    """Return the page of a judgment, one file that needs no network."""
    return str(render_report_html(build_judgment_document(judgment)))


def render_judgment_markdown(judgment: Judgment) -> str:
    """Return the answer and the table of each data set in Markdown, then the next runs and what to check."""
    paragraphs = []
    for part in judgment.parts:
        answer = make_judgment_answer(judgment, part)
        paragraphs.append(f"**{answer.lead}** {render_inline_markdown(answer.sentence)}")
        paragraphs.append(render_markdown(make_verdict_table(judgment, part)))
        paragraphs += map(escape_markdown, describe_next_runs(part))
    paragraphs += map(render_inline_markdown, describe_data_summaries(judgment))
    remarks = [
        f"- {kind}: {escape_markdown(text)}"
        for kind, text in list_remarks(judgment)
        if kind != "Note"
    ]
    paragraphs += ["\n".join(remarks)] if remarks else []
    return "\n\n".join(paragraphs) + "\n"


def render_judgment_latex(judgment: Judgment) -> str:
    """Return the table of each data set in LaTeX, with the rules of the package booktabs."""
    return "\n".join(render_latex(make_verdict_table(judgment, part)) for part in judgment.parts)
