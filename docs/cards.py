"""Writes the card of each attention module from the registry, its docstring and its figure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from costs import added, cost
from docstrings import Docstring, markdown, read_docstring
from flow_drawing import draw
from flows import FLOWS
from tables import table, write_lines

from foveal.attention import available, get_entry

NETWORKS = {"resnet18": "ResNet-18", "resnet50": "ResNet-50"}
COUNTED = ("parameters", "multiply-adds")


def write_cards(folder: Path) -> None:
    """Write `overview.md` and `cards.md` into `folder`.

    A module that `flows.py` does not draw has a card without a figure, behind the others.

    Raises:
        LookupError: `flows.py` draws a module that is not registered.
    """
    registered = [name for name in available() if not get_entry(name).preset_of]
    if unknown := set(FLOWS) - set(registered):
        raise LookupError(f"docs/flows.py draws what is not registered: {', '.join(unknown)}.")
    modules = [*FLOWS, *(name for name in registered if name not in FLOWS)]
    names = [name for module in modules for name in (module, *presets(module))]
    for file, lines in (
        ("overview.md", overview(names)),
        ("cards.md", (line for name in names for line in card(name))),
    ):
        write_lines(folder / file, lines)


def presets(module: str) -> list[str]:
    """Return the presets of a module."""
    return [name for name in available() if get_entry(name).preset_of == module]


def overview(names: list[str]) -> Iterator[str]:
    """Yield the table of all names."""
    columns = (f"{title}: {what}" for title in NETWORKS.values() for what in COUNTED)
    costs = [[added(network, name) for network in NETWORKS] for name in names]
    rows = [
        (
            f"[`{name}`](#{anchor(name)})",
            f"`{get_entry(name).where}`",
            *(f"{count:,}" for cost in each for count in (cost.parameters, cost.multiply_adds)),
        )
        for name, each in zip(names, costs, strict=True)
    ]
    yield from table(("name", "place", *columns), rows, numbers=4)


def anchor(name: str) -> str:
    """Return the target of links to the card of `name`."""
    return f"attention-{name}"


def card(name: str) -> Iterator[str]:
    """Yield the lines of one card; that of a preset says only what differs from its module."""
    found = get_entry(name)
    yield f"({anchor(name)})="
    yield f"{'###' if found.preset_of else '##'} `{name}`\n"
    if found.preset_of:
        yield from preset_card(name)
    else:
        yield from module_card(name)
    yield from deviation_table(name)
    yield from cost_table(name)


def module_card(name: str) -> Iterator[str]:
    """Yield what there is to say of a module: sentence, formula, figure, symbols, source, options."""
    found = get_entry(name)
    said = read_docstring(found.factory)
    yield f"{linked(said.summary)}\n"
    if found.aliases:
        yield f"Other names: {', '.join(f'`{alias}`' for alias in found.aliases)}.\n"
    yield f":::{{container}} formula\n{markdown(said.formula)}\n:::\n"
    if name in FLOWS:
        figure = draw(FLOWS[name], name=name, description=f"Data flow of {name}: {said.formula}")
        yield f'```{{raw}} html\n<div class="flow">{figure}</div>\n```\n'
    yield from (f"{linked(paragraph)}\n" for paragraph in said.body)
    made = f"Class `foveal.attention.{found.factory.__name__}`, place `{found.where}`."
    yield f"{made}\n\nSource: {markdown(said.source)}\n"
    options = [
        (f"`{option}`", f"`{shown(default)}`", linked(meaning(said, option)))
        for option, default in found.options.items()
    ]
    yield from table(("option", "default", "meaning"), options)


def meaning(said: Docstring, option: str) -> str:
    """Return what an option is, looked up in the module that the docstring sends the reader to."""
    text = said.arguments.get(option, "")
    sent = re.fullmatch(r"see `(\w+)`\.", text)
    for name in FLOWS:
        if sent and get_entry(name).factory.__name__ == sent[1]:
            return read_docstring(get_entry(name).factory).arguments[option]
    return text


def preset_card(name: str) -> Iterator[str]:
    """Yield what makes a preset."""
    found = get_entry(name)
    base = f"[`{found.preset_of}`](#{anchor(found.preset_of)})"
    usual = get_entry(found.preset_of).options
    own = {
        option: value for option, value in found.preset_options.items() if value != usual[option]
    }
    options = ", ".join(f"`{option}={shown(value)}`" for option, value in own.items())
    yield f"{base} with other defaults: {options}.\n"


def shown(value: object) -> str:
    """Return a value as it is typed behind an option; None is what the module chooses itself."""
    if isinstance(value, bool):
        return str(value).lower()
    return "auto" if value is None else str(value)


def deviation_table(name: str) -> Iterator[str]:
    """Yield where the module differs from its paper, or a preset from its module."""
    found = get_entry(name)
    base = f"`{found.preset_of}`" if found.preset_of else "the paper"
    if not found.deviations:
        yield f"No deviation from {base}.\n"
        return
    rows = [tuple(markdown(cell) for cell in deviation) for deviation in found.deviations]
    yield from table(("deviation in", f"`{name}`", base), rows)


def cost_table(name: str) -> Iterator[str]:
    """Yield what it adds to each network at its default place."""
    rows = []
    for network, title in NETWORKS.items():
        plain, more = cost(network, "none"), added(network, name)
        pairs = ((more.parameters, plain.parameters), (more.multiply_adds, plain.multiply_adds))
        rows.append((title, *(f"{count:,} ({share(count / whole)})" for count, whole in pairs)))
    yield from table(("added to", *COUNTED), rows, numbers=2)


def share(part: float) -> str:
    """Return a share in percent, two digits behind the point; a small one does not become zero."""
    return "under 0.01%" if 0 < part < 0.0001 else f"{part:.2%}"


def linked(text: str) -> str:
    """Return prose of a docstring with a link from each module's class to its card."""
    cards = {get_entry(name).factory.__name__: name for name in FLOWS}
    return re.sub(
        r"`(\w+)`",
        lambda m: f"[{m[0]}](#{anchor(cards[m[1]])})" if m[1] in cards else m[0],
        markdown(text),
    )
