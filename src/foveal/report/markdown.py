"""Markdown text of a report, to be pasted into other documents."""

from __future__ import annotations

from foveal.report.blocks import (
    AnswerBlock,
    Block,
    Callout,
    Checklist,
    CodeBlock,
    Columns,
    FigureBlock,
    FigureGrid,
    Fold,
    Heading,
    HtmlBlock,
    KeyValueBlock,
    ListBlock,
    Paragraph,
    Section,
    TableBlock,
)
from foveal.report.document import ReportDocument
from foveal.report.inline_text import render_inline_markdown
from foveal.text_tables import escape_markdown, render_markdown


def render_report_markdown(document: ReportDocument, *, figure_folder: str) -> str:
    """Return a report in Markdown, with links to the SVG files in `figure_folder`."""
    paragraphs = [f"# {escape_markdown(document.heading)}"]
    paragraphs += [escape_markdown(" · ".join(document.facts))] if document.facts else []
    for block in document.top:
        paragraphs += _format_block(block, figure_folder)
    paragraphs += [f"> {render_inline_markdown(warning)}" for warning in document.warnings]
    for section in document.sections:
        paragraphs += _format_section(section, figure_folder)
    return "\n\n".join(paragraphs) + "\n"


def _format_section(section: Section, figure_folder: str) -> list[str]:
    """Return the heading and the paragraphs of a section."""
    blocks = [text for block in section.blocks for text in _format_block(block, figure_folder)]
    return [f"## {escape_markdown(section.title)}", *blocks]


def _format_block(block: Block, figure_folder: str) -> list[str]:
    """Return the paragraphs of one block; pictures are left to the page."""
    match block:
        case TableBlock(table=table) | HtmlBlock(table=table):
            is_shown = table is not None and getattr(block, "is_in_page", True)
            return [render_markdown(table)] if table is not None and is_shown else []
        case FigureBlock():
            link = f"![{escape_markdown(block.description)}]({figure_folder}/{block.name}.svg)"
            return [link, *([render_inline_markdown(block.caption)] if block.caption else [])]
        case FigureGrid(figures=blocks):
            return [
                "\n".join(text for each in blocks for text in _format_block(each, figure_folder))
            ]
        case Fold(summary=summary, blocks=blocks):
            return [f"### {escape_markdown(summary)}", *_format_blocks(blocks, figure_folder)]
        case Columns(left=left, right=right):
            return _format_blocks((*left, *right), figure_folder)
        case KeyValueBlock(title=title, rows=rows):
            lines = [f"- {escape_markdown(name)}: {escape_markdown(value)}" for name, value in rows]
            return [f"### {title}", "\n".join(lines)]
        case _:
            return _format_text_block(block)


def _format_blocks(blocks: tuple[Block, ...], figure_folder: str) -> list[str]:
    """Return the paragraphs of several blocks."""
    return [text for block in blocks for text in _format_block(block, figure_folder)]


def _format_text_block(block: Block) -> list[str]:
    """Return the paragraphs of a block of text."""
    match block:
        case AnswerBlock(answer=answer):
            return [
                f"**{answer.lead}** {render_inline_markdown(' '.join([answer.sentence, *answer.details]))}"
            ]
        case Paragraph(text=text):
            return [render_inline_markdown(text)]
        case Callout(text=text):
            return [f"> {render_inline_markdown(text)}"]
        case Heading(text=text):
            return [f"### {escape_markdown(text)}"]
        case CodeBlock(text=text):
            return [f"```\n{text}\n```"]
        case ListBlock(items=items):
            return ["\n".join(f"- {render_inline_markdown(text)}" for _, text in items)]
        case Checklist(checks=checks):
            return ["\n".join(_format_check(*check) for check in checks)]
        case _:
            return []


def _format_check(is_fine: bool, title: str, text: str) -> str:
    """Return one check of a checklist."""
    mark = "fine" if is_fine else "careful"
    return f"- {mark}: **{escape_markdown(title)}** {render_inline_markdown(text)}"
