"""Markdown text of a report, to be pasted into other documents."""

from __future__ import annotations

from foveal.report.blocks import (
    Block,
    Callout,
    CodeBlock,
    Collapsible,
    FigureBlock,
    FigureGrid,
    Heading,
    KeyValueBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.document import ReportDocument
from foveal.report.sections.results import describe_detectable_difference, format_verdict
from foveal.text_format import format_percent
from foveal.text_tables import escape_markdown, render_markdown


def render_report_markdown(document: ReportDocument, *, figure_folder: str) -> str:
    """Return a report in Markdown, with links to the PNG files in `figure_folder`."""
    paragraphs = [f"# {escape_markdown(document.title)}", *_format_summary(document)]
    paragraphs += [f"> {escape_markdown(warning)}" for warning in document.warnings]
    for section in document.sections:
        paragraphs += _format_section(section, figure_folder)
    return "\n\n".join(paragraphs) + "\n"


def _format_summary(document: ReportDocument) -> list[str]:
    """Return the verdicts of a study, or the accuracy of a run."""
    if document.is_single_run:
        (group,) = document.cells[0].groups
        accuracy = format_percent(float(group.get_results("test_accuracy")[0]))
        return [
            f"This run with seed {group.seeds[0]} reached a test accuracy of {accuracy} %. A single run says "
            "nothing about the method."
        ]
    paragraphs = []
    for cell in document.cells:
        paragraphs += [f"**{escape_markdown(cell.label)}**"] if cell.label else []
        paragraphs.append(describe_detectable_difference(cell))
        verdicts = []
        for comparison in cell.comparisons:
            sentence, numbers = format_verdict(comparison)
            verdicts.append(
                f"- **{escape_markdown(comparison.variant)}** is {comparison.verdict} "
                f"{escape_markdown(sentence)} {numbers}."
            )
        paragraphs += ["\n".join(verdicts)] if verdicts else []
    return paragraphs


def _format_section(section: Section, figure_folder: str) -> list[str]:
    """Return the heading and the paragraphs of a section."""
    blocks = [text for block in section.blocks for text in _format_block(block, figure_folder)]
    return [f"## {escape_markdown(section.title)}", *blocks]


def _format_block(block: Block, figure_folder: str) -> list[str]:
    """Return the paragraphs of one block; image grids and script data are left to the page."""
    match block:
        case TableBlock(table=table):
            return [render_markdown(table)]
        case FigureBlock():
            link = f"![{escape_markdown(block.description)}]({figure_folder}/{block.name}.png)"
            return [link, *([escape_markdown(block.caption)] if block.caption else [])]
        case FigureGrid(figures=figures):
            links = [text for figure in figures for text in _format_block(figure, figure_folder)]
            return ["\n".join(links)]
        case Collapsible(summary=summary, blocks=blocks):
            texts = [text for inner in blocks for text in _format_block(inner, figure_folder)]
            return [f"### {escape_markdown(summary)}", *texts]
        case _:
            return _format_text_block(block)


def _format_text_block(block: Block) -> list[str]:
    """Return the paragraphs of a block of text."""
    match block:
        case Paragraph(text=text):
            return [escape_markdown(text)]
        case Callout(text=text):
            return [f"> {escape_markdown(text)}"]
        case Heading(text=text):
            return [f"### {escape_markdown(text)}"]
        case CodeBlock(text=text):
            return [f"```\n{text}\n```"]
        case KeyValueBlock(title=title, rows=rows):
            items = [f"- {escape_markdown(name)}: {escape_markdown(value)}" for name, value in rows]
            return [f"### {title}", "\n".join(items)]
        case _:
            return []
