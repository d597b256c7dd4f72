"""Templates of the page: every value is escaped unless it is markup already."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foveal.plotting import get_hue, render_key
from foveal.report.inline_text import remove_inline_markup, render_inline_html


@lru_cache(maxsize=1)
def get_environment() -> Environment:
    """Return the environment of the templates of this package."""
    environment = Environment(
        loader=PackageLoader("foveal.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "inline": render_inline_html,
        "plain": remove_inline_markup,
        "key": render_key,
        "hue": get_hue,
    }
    return environment


def render_template(name: str, **values: Any) -> Markup:
    """Return the text of a template with these values."""
    return Markup(get_environment().get_template(name).render(**values))  # noqa: S704 - autoescaped
