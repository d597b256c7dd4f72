"""Tables and trees of the sites of an insertion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from torch import nn

from foveal.models.sites import Site
from foveal.models.skipped_sites import SkippedSite

_MAX_NAMES = 4  # of places left out for one reason


def make_table_rows(sites: Sequence[Site], parameters: Sequence[int]) -> list[tuple[str, str, str]]:
    """Return the rows of the table: site, shape (C x H x W), parameters."""
    rows = [("site", "shape", "parameters")]
    for site, count in zip(sites, parameters, strict=True):
        rows.append((site.label, _format_shape(site), f"{count:,}"))
    rows.append((f"{len(sites)} sites", "", f"{sum(parameters):,}"))
    return rows


def format_table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the lines of a table with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"
        for name, shape, count in rows
    ]


def format_html_table(
    caption: str, rows: Sequence[tuple[str, str, str]], skipped: Sequence[SkippedSite]
) -> str:
    """Return the table as HTML, with a line for each reason to leave places out."""
    head, *body = rows
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body
    )
    lines += "".join(
        f'<tr><td colspan="3">{escape(line)}</td></tr>' for line in format_skipped(skipped)
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{cells}</tr>{lines}</table>"


def format_skipped(skipped: Sequence[SkippedSite]) -> list[str]:
    """Return one line for each reason to leave places out, with their names."""
    names: dict[str, list[str]] = {}
    for place in skipped:
        names.setdefault(place.reason, []).append(place.name)
    lines = []
    for reason, group in names.items():
        more = f" and {len(group) - _MAX_NAMES} more" if len(group) > _MAX_NAMES else ""
        lines.append(f"left out: {', '.join(group[:_MAX_NAMES])}{more}: {reason}")
    return lines


def format_tree(
    model: nn.Module, attention: str, sites: Sequence[Site], skipped: Sequence[SkippedSite]
) -> list[str]:
    """Return the modules of a network as a tree, with the sites marked.

    Modules without sites inside are one line.
    """
    marks = {place.name: f"left out: {place.reason}" for place in skipped}
    for site in sites:
        side = site.label.removeprefix(site.name)
        marks[site.name] = f"<- {attention}{side}, {_format_shape(site)}"
    return [type(model).__name__, *_list_branches(model, "", "", marks)]


def _list_branches(
    module: nn.Module, name: str, indent: str, marks: dict[str, str]
) -> Iterator[str]:
    """Yield the lines of the children of a module."""
    children = [(key, child) for key, child in module._modules.items() if child is not None]
    for position, (key, child) in enumerate(children):
        full_name = f"{name}.{key}" if name else key
        is_last = position == len(children) - 1
        mark = f"  {marks[full_name]}" if full_name in marks else ""
        yield f"{indent}{'└── ' if is_last else '├── '}{key}  {type(child).__name__}{mark}"
        if any(marked.startswith(f"{full_name}.") for marked in marks):
            yield from _list_branches(
                child, full_name, indent + ("    " if is_last else "│   "), marks
            )


def _format_shape(site: Site) -> str:
    """Return the shape of the map at a site, C x H x W."""
    return " x ".join(map(str, site.shape[1:]))
