"""The page: what a report says as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foveal import text_format
from foveal.report.blocks import Data, Picture
from foveal.report.document import Content
from foveal.report.sections.results import extent, sentence

MOST_BYTES = 4_000_000
CHOICES = ("variant", "seed", "class")


def page_of(content: Content) -> str:
    """Return the page; whatever stands in a record is text there, never markup.

    It holds all that it shows, needs no network, and is complete without its script; its policy lets a
    browser run that script alone.
    """
    environment = Environment(
        loader=PackageLoader("foveal.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    budget = Budget()
    environment.filters |= {
        "percent": text_format.format_percent,
        "svg": budget.svg,
        "data": budget.data,
        "sentence": sentence,
        "extent": extent,
    }
    script = files("foveal.report").joinpath("templates", "report.js").read_text("utf-8")
    return environment.get_template("report.html.j2").render(
        content=content,
        choices=[(name, found) for name in CHOICES if len(found := content.choices(name)) > 1],
        script=Markup(script),  # noqa: S704 - the package's own file
        script_hash=digest(script),
    )


class Budget:
    """Keeps a page small enough to be sent: of many settings, the last pictures stay in their files.

    Pictures come in the order of the page, so what is left out hangs on the records alone.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.left = most

    def takes(self, size: int) -> bool:
        """Say whether something still fits, and count it."""
        fits = size <= self.left
        self.left -= size if fits else 0
        return fits

    def svg(self, picture: Picture) -> Markup:
        """Return a picture as an element of the page, nothing where it does not fit."""
        # All text in it was escaped as XML.
        return Markup(picture.svg if self.takes(len(picture.svg)) else "")  # noqa: S704

    def data(self, data: Data) -> Markup:
        """Return the numbers of a block for the script, nothing where they do not fit."""
        text = as_json(data.content)
        return text if self.takes(len(text)) else Markup("")


def as_json(content: Mapping[str, Any]) -> Markup:
    r"""Return numbers and names as JSON that cannot end the element in which it stands.

    >>> print(as_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(content, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - nothing in it is markup any more


def digest(script: str) -> str:
    """Return the hash by which the policy of the page knows its script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
