"""Cards of the attention modules, written from the registry, docstrings and figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attention_costs import count_added_cost, count_cost
from docstrings import Docstring, read_docstring, to_markdown
from flow_drawing import draw_flow
from flows import FLOWS
from markdown_tables import markdown_table, write_lines

from foveal.attention import available, get_entry

NETWORKS = {"resnet18": "ResNet-18", "resnet50": "ResNet-50"}
COUNTS = ("parameters", "multiply-adds")


def write_cards(folder: Path) -> None:
    """Write `overview.md` and `cards.md` into `folder`.

    Modules without a figure in `flows.py` come last, with cards without a figure.

    Raises:
        LookupError: `flows.py` draws a module that is not registered.
    """
    registered = [name for name in available() if not get_entry(name).preset_of]
    if unknown := set(FLOWS) - set(registered):
        raise LookupError(
            f"docs/flows.py draws modules that are not registered: {', '.join(unknown)}."
        )
    modules = [*FLOWS, *(name for name in registered if name not in FLOWS)]
    names = [name for module in modules for name in (module, *list_presets(module))]
    for file, lines in (
        ("overview.md", overview_lines(names)),
        ("cards.md", (line for name in names for line in card_lines(name))),
    ):
        write_lines(folder / file, lines)


def list_presets(module: str) -> list[str]:
    """Return the presets of a module."""
    return [name for name in available() if get_entry(name).preset_of == module]


def overview_lines(names: list[str]) -> Iterator[str]:
    """Yield the table of all names."""
    columns = (f"{title}: {count}" for title in NETWORKS.values() for count in COUNTS)
    costs = [[count_added_cost(network, name) for network in NETWORKS] for name in names]
    rows = [
        (
            f"[`{name}`](#{card_anchor(name)})",
            f"`{get_entry(name).where}`",
            *(f"{count:,}" for cost in each for count in (cost.parameters, cost.multiply_adds)),
        )
        for name, each in zip(names, costs, strict=True)
    ]
    yield from markdown_table(("name", "site", *columns), rows, numbers=4)


def card_anchor(name: str) -> str:
    """Return the link target of the card of `name`."""
    return f"attention-{name}"


def card_lines(name: str) -> Iterator[str]:
    """Yield the lines of one card; the card of a preset lists only its differences."""
    entry = get_entry(name)
    yield f"({card_anchor(name)})="
    yield f"{'###' if entry.preset_of else '##'} `{name}`\n"
    if entry.preset_of:
        yield from preset_lines(name)
    else:
        yield from module_lines(name)
    yield from deviation_lines(name)
    yield from cost_lines(name)


def module_lines(name: str) -> Iterator[str]:
    """Yield summary, formula, figure, symbols, source and options of a module."""
    entry = get_entry(name)
    docstring = read_docstring(entry.factory)
    yield f"{link_modules(docstring.summary)}\n"
    if entry.aliases:
        yield f"Other names: {', '.join(f'`{alias}`' for alias in entry.aliases)}.\n"
    yield f":::{{container}} formula\n{to_markdown(docstring.formula)}\n:::\n"
    if name in FLOWS:
        description = f"Data flow of {name}: {docstring.formula}"
        figure = draw_flow(FLOWS[name], name=name, description=description)
        yield f'```{{raw}} html\n<div class="flow">{figure}</div>\n```\n'
    yield from (f"{link_modules(paragraph)}\n" for paragraph in docstring.body)
    path = f"foveal.attention.{entry.factory.__name__}"
    yield f"Class {{py:class}}`~{path}`, site `{entry.where}`.\n"
    yield f"Source: {to_markdown(docstring.source)}\n"
    options = [
        (
            f"`{option}`",
            f"`{format_value(default)}`",
            link_modules(option_meaning(docstring, option)),
        )
        for option, default in entry.options.items()
    ]
    yield from markdown_table(("option", "default", "meaning"), options)


def option_meaning(docstring: Docstring, option: str) -> str:
    """Return the meaning of an option, from another module if the docstring says "see `Module`."."""
    text = docstring.arguments.get(option, "")
    reference = re.fullmatch(r"see `(\w+)`\.", text)
    for name in FLOWS:
        if reference and get_entry(name).factory.__name__ == reference[1]:
            return read_docstring(get_entry(name).factory).arguments[option]
    return text


def preset_lines(name: str) -> Iterator[str]:
    """Yield the options in which a preset differs from its module."""
    entry = get_entry(name)
    base = f"[`{entry.preset_of}`](#{card_anchor(entry.preset_of)})"
    base_options = get_entry(entry.preset_of).options
    changed = {
        option: value
        for option, value in entry.preset_options.items()
        if value != base_options[option]
    }
    options = ", ".join(f"`{option}={format_value(value)}`" for option, value in changed.items())
    yield f"{base} with other defaults: {options}.\n"


def format_value(value: object) -> str:
    """Return a value as it is typed after an option; None is `auto`."""
    if isinstance(value, bool):
        return str(value).lower()
    return "auto" if value is None else str(value)


def deviation_lines(name: str) -> Iterator[str]:
    """Yield the deviations of a module from its paper, or of a preset from its module."""
    entry = get_entry(name)
    base = f"`{entry.preset_of}`" if entry.preset_of else "the paper"
    if not entry.deviations:
        yield f"No deviation from {base}.\n"
        return
    rows = [tuple(to_markdown(cell) for cell in deviation) for deviation in entry.deviations]
    yield from markdown_table(("deviation in", f"`{name}`", base), rows)


def cost_lines(name: str) -> Iterator[str]:
    """Yield the cost that a module adds to each network at its default site."""
    rows = []
    for network, title in NETWORKS.items():
        plain, added = count_cost(network, "none"), count_added_cost(network, name)
        pairs = (
            (added.parameters, plain.parameters),
            (added.multiply_adds, plain.multiply_adds),
        )
        rows.append(
            (title, *(f"{count:,} ({format_share(count / total)})" for count, total in pairs))
        )
    yield from markdown_table(("added to", *COUNTS), rows, numbers=2)


def format_share(share: float) -> str:
    """Return a share in percent with two decimals; a small share does not become zero."""
    return "under 0.01%" if 0 < share < 0.0001 else f"{share:.2%}"


def link_modules(text: str) -> str:
    """Return prose of a docstring as Markdown, with links from classes of modules to their cards."""
    cards = {get_entry(name).factory.__name__: name for name in FLOWS}
    return re.sub(
        r"`(\w+)`",
        lambda m: f"[{m[0]}](#{card_anchor(cards[m[1]])})" if m[1] in cards else m[0],
        to_markdown(text),
    )
