"""SVG elements for HTML pages from figures of matplotlib: CSS colors and unique ids."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from matplotlib.figure import Figure

from foveal.plotting.figure import encode_svg
from foveal.plotting.style import GRID_COLOR, MUTED_COLOR, TEXT_COLOR, VARIANT_COLORS

# A page sets these variables for its light and dark theme.
_CSS_VARIABLES: Final = {
    TEXT_COLOR: "--ink",
    MUTED_COLOR: "--muted",
    GRID_COLOR: "--rule",
    **{color: f"--hue-{index}" for index, color in enumerate(VARIANT_COLORS, start=1)},
}

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_FONT_FAMILY = re.compile(r"\s*font-family:[^;]*;?")
_ID_REFERENCE = re.compile(r"#([\w.-]+)")


def build_svg_element(figure: Figure, *, name: str, description: str) -> str:
    """Return the figure as one SVG element for an HTML page.

    Only ids with references are kept, and they are unique to `name`. Colors of `foveal.plotting.style`
    become CSS variables. Equal figures give equal text.
    """
    root = ET.fromstring(encode_svg(figure, name=name, transparent=True))  # noqa: S314 - own output
    _remove_children(root, f"{_SVG}metadata")
    for definitions in root.iter(f"{_SVG}defs"):
        _remove_children(definitions, f"{_SVG}style")
    referenced_ids = {
        target
        for element in root.iter()
        for key, value in element.attrib.items()
        if key in ("clip-path", f"{_XLINK}href") and not value.startswith("data:")
        for target in _ID_REFERENCE.findall(value)
    }
    for element in root.iter():
        _simplify_element(element, referenced_ids)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib |= {
        "xmlns": _SVG[1:-1],
        "width": width,
        "height": height,
        "role": "img",
        "aria-label": description,
        "style": "stroke-linejoin: round; font-family: system-ui, sans-serif",
    }
    return ET.tostring(root, encoding="unicode")


def _remove_children(parent: ET.Element, tag: str) -> None:
    """Remove the children with this tag."""
    for child in parent.findall(tag):
        parent.remove(child)


def _simplify_element(element: ET.Element, referenced_ids: set[str]) -> None:
    """Remove namespaces, unused ids and white space of one element."""
    element.tag = element.tag.removeprefix(_SVG)
    attributes = element.attrib
    name = attributes.get("id", "")
    if name not in referenced_ids:
        attributes.pop("id", None)
    if f"{_XLINK}href" in attributes:
        attributes["href"] = "".join(attributes.pop(f"{_XLINK}href").split())
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    if "style" in attributes:
        attributes["style"] = _add_css_variables(_FONT_FAMILY.sub("", attributes["style"]))
    element.tail = None
    if element.tag != "text":
        element.text = None


def _add_css_variables(style: str) -> str:
    """Replace each shared color by its CSS variable, with the color as the fallback.

    >>> _add_css_variables("fill: none; stroke: #1b1f24")
    'fill: none; stroke: var(--ink, #1b1f24)'
    """
    for color, name in _CSS_VARIABLES.items():
        style = style.replace(color, f"var({name}, {color})")
    return style
