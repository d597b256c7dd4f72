"""Inline markup of the text of a report: `code` in backticks and **bold** words."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

from foveal.text_tables import escape_markdown

_CODE: Final = re.compile(r"`([^`]+)`")
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")


def render_inline_html(text: str) -> Markup:
    """Return text as HTML. Everything is escaped first, so that no text becomes other markup.

    >>> print(render_inline_html("**+1.2 points** for `<b>`"))
    <b>+1.2 points</b> for <code>&lt;b&gt;</code>
    """
    escaped = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_BOLD.sub(r"<b>\1</b>", escaped))  # noqa: S704 - escaped above


def render_inline_markdown(text: str) -> str:
    r"""Return text as Markdown, with other markup escaped.

    >>> print(render_inline_markdown("**+1.2** for `a_b` in x*y"))
    **+1.2** for `a_b` in x\*y
    """
    parts = re.split(r"(`[^`]+`|\*\*)", text)
    return "".join(part if index % 2 else escape_markdown(part) for index, part in enumerate(parts))


def remove_inline_markup(text: str) -> str:
    """Return text without markup, for example for the title of a page.

    >>> remove_inline_markup("**Mixed:** `cbam` helps.")
    'Mixed: cbam helps.'
    """
    return _BOLD.sub(r"\1", _CODE.sub(r"\1", text))
