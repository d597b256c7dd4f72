"""The look that all figures share, and the way from a matplotlib figure to SVG inside a page."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from foveal.analysis.variant_runs import Arm
from foveal.plotting.figure import DPI
from foveal.plotting.style import HUES, INK, MARKERS
from foveal.text_format import replace_unprintable

MUTED: Final = "#5b6470"
RULE: Final = "#d5dae0"
HINT: Final = "hint: "

# A page sets these variables for light and dark; a figure on its own keeps the colors given here.
CSS_NAMES: Final = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    **{hue: f"--hue-{place}" for place, hue in enumerate(HUES, start=1)},
}

STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.constrained_layout.use": True,
}

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
DROPPED = re.compile(r"\s*font-family:[^;]*;?")
VARIABLE = re.compile(r"var\(--[\w-]+, (#\w+)\)")
REFERENCE = re.compile(r"#([\w.-]+)")


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the style of the report, whatever the user's own matplotlib settings are.

    A class may have a name in any script. The viewer draws the text with fonts of its own, so
    a glyph that matplotlib's font lacks is no matter.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def blank(width: float, height: float) -> Figure:
    """Return an empty figure of `width` times `height` CSS pixels."""
    return Figure(figsize=(width / 72, height / 72))


def look(arm: Arm) -> dict[str, Any]:
    """Return color and marker of a variant; the baseline is drawn in ink."""
    color = INK if arm.place == 0 else HUES[(arm.place - 1) % len(HUES)]
    return {"color": color, "marker": MARKERS[arm.place % len(MARKERS)]}


def hint(artists: Artist | Sequence[Artist], text: str) -> None:
    """Give what was drawn a text that is shown where the pointer rests on it."""
    for artist in [artists] if isinstance(artists, Artist) else artists:
        artist.set_gid(HINT + replace_unprintable(text))


def to_svg(figure: Figure, *, name: str, description: str) -> str:
    """Return the figure as one SVG element that may stand beside others in a page.

    Only ids that something points to stay, and those differ from one `name` to the next; colors
    of the report's palette become CSS variables; equal figures give equal text.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - matplotlib's own output
    drop(root, f"{SVG}metadata")
    for style in root.iter(f"{SVG}defs"):
        drop(style, f"{SVG}style")
    pointed_at = {
        target
        for element in root.iter()
        for key, value in element.attrib.items()
        if key in ("clip-path", f"{XLINK}href") and not value.startswith("data:")
        for target in REFERENCE.findall(value)
    }
    for element in root.iter():
        simplify(element, pointed_at)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib |= {
        "xmlns": SVG[1:-1],
        "width": width,
        "height": height,
        "role": "img",
        "aria-label": description,
        "style": "stroke-linejoin: round; font-family: system-ui, sans-serif",
    }
    return ET.tostring(root, encoding="unicode")


def without_theme(svg: str) -> str:
    """Return a figure that stands in no page, with the colors themselves.

    >>> without_theme("fill: none; stroke: var(--ink, #1b1f24)")
    'fill: none; stroke: #1b1f24'
    """
    return VARIABLE.sub(r"\1", svg)


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG, on white, the same whenever the figure is."""
    buffer = io.BytesIO()
    metadata = {"Software": None}
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white", metadata=metadata)
    return buffer.getvalue()


def drop(parent: ET.Element, tag: str) -> None:
    """Remove the children of one kind."""
    for child in parent.findall(tag):
        parent.remove(child)


def simplify(element: ET.Element, pointed_at: set[str]) -> None:
    """Leave of one element what a page needs of it, without namespaces."""
    element.tag = element.tag.removeprefix(SVG)
    attributes = element.attrib
    name = attributes.get("id", "")
    if name not in pointed_at:
        attributes.pop("id", None)
    if name.startswith(HINT):
        shown = ET.Element("title")
        shown.text = name.removeprefix(HINT)
        element.insert(0, shown)
    if f"{XLINK}href" in attributes:
        attributes["href"] = "".join(attributes.pop(f"{XLINK}href").split())
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    if "d" in attributes:
        attributes["d"] = " ".join(attributes["d"].split())
    if "style" in attributes:
        attributes["style"] = themed(DROPPED.sub("", attributes["style"]))
    element.tail = None
    if element.tag not in ("text", "title"):
        element.text = None


def themed(style: str) -> str:
    """Let a page choose the shade of a color of the palette.

    >>> themed("fill: none; stroke: #1b1f24")
    'fill: none; stroke: var(--ink, #1b1f24)'
    """
    for color, name in CSS_NAMES.items():
        style = style.replace(color, f"var({name}, {color})")
    return style
