"""What a report says in Markdown, to be pasted elsewhere."""

from __future__ import annotations

from foveal.report.blocks import (
    Block,
    Code,
    Facts,
    Fold,
    Heading,
    Note,
    Picture,
    Section,
    Table,
    Text,
    Tiles,
)
from foveal.report.document import Content
from foveal.report.sections.results import extent, sentence
from foveal.text_format import format_percent
from foveal.text_tables import escape_markdown, render_markdown


def markdown_of(content: Content, *, figures: str) -> str:
    """Return the report in Markdown; its pictures are in the folder `figures`."""
    lines = [f"# {escape_markdown(content.title)}", *lead(content)]
    lines += [f"> {escape_markdown(note)}" for note in content.notes]
    for section in content.sections:
        lines += section_lines(section, figures)
    return "\n\n".join(lines) + "\n"


def lead(content: Content) -> list[str]:
    """Return the verdicts."""
    first = content.parts[0]
    if content.single:
        accuracy = format_percent(float(first.arms[0].results("test_accuracy")[0]))
        return [
            f"This run, with seed {first.arms[0].seeds[0]}, ended at a test accuracy of {accuracy} %. One run "
            "says nothing about the method."
        ]
    lines = []
    for part in content.parts:
        lines += [f"**{escape_markdown(part.label)}**"] if part.label else []
        lines.append(extent(part))
        verdicts = []
        for one in part.comparisons:
            said, numbers = sentence(one)
            verdicts.append(
                f"- **{escape_markdown(one.variant)}** is {one.verdict} {escape_markdown(said)} {numbers}."
            )
        lines += ["\n".join(verdicts)] if verdicts else []
    return lines


def section_lines(section: Section, figures: str) -> list[str]:
    """Return a section."""
    return [
        f"## {escape_markdown(section.title)}",
        *(t for b in section.blocks for t in block_lines(b, figures)),
    ]


def block_lines(block: Block, figures: str) -> list[str]:
    """Return the paragraphs of one block; images of a batch and numbers for a script are for a page."""
    match block:
        case Table(table=table):
            return [render_markdown(table)]
        case Picture():
            said = f"![{escape_markdown(block.description)}]({figures}/{block.name}.png)"
            return [said, *([escape_markdown(block.caption)] if block.caption else [])]
        case Tiles(pictures=pictures):
            return ["\n".join(line for one in pictures for line in block_lines(one, figures))]
        case Fold(summary=summary, blocks=blocks):
            inside = [line for one in blocks for line in block_lines(one, figures)]
            return [f"### {escape_markdown(summary)}", *inside]
        case _:
            return words_of(block)


def words_of(block: Block) -> list[str]:
    """Return the paragraphs of a block of words."""
    match block:
        case Text(text=text):
            return [escape_markdown(text)]
        case Note(text=text):
            return [f"> {escape_markdown(text)}"]
        case Heading(text=text):
            return [f"### {escape_markdown(text)}"]
        case Code(text=text):
            return [f"```\n{text}\n```"]
        case Facts(title=title, rows=rows):
            return [
                f"### {title}",
                "\n".join(f"- {escape_markdown(a)}: {escape_markdown(b)}" for a, b in rows),
            ]
        case _:
            return []
