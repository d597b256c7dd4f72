"""Files of `foveal judge`: the page, Markdown and LaTeX."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from foveal.atomic import atomic_write
from foveal.cli.console import print_message
from foveal.cli.options import STDOUT
from foveal.errors import UsageError

if TYPE_CHECKING:
    from foveal.stats import Judgment


def write_judgment_files(
    judgment: Judgment, paths: Mapping[str, Path | None], *, prints_json: bool = False
) -> bool:
    """Write a judgment in each format that has a path; return True if one of them went to standard output.

    Args:
        judgment: the verdicts.
        paths: path of each format, `html`, `markdown` and `latex`; `-` is standard output, None leaves it out.
        prints_json: True if standard output is taken by JSON.

    Raises:
        UsageError: a file cannot be written, or two formats go to standard output.
    """
    wanted = {name: path for name, path in paths.items() if path is not None}
    printed = [name for name, path in wanted.items() if str(path) == STDOUT]
    if printed and prints_json:
        raise UsageError(f"Parameter `{printed[0]}` should be a file with --json.")
    if len(printed) > 1:
        raise UsageError(f"Only one of {' and '.join(f'--{name}' for name in printed)} can be -.")
    if not wanted:
        return False
    from foveal.report import (
        render_judgment_html,
        render_judgment_latex,
        render_judgment_markdown,
    )

    renderers: dict[str, Callable[[Judgment], str]] = {
        "html": render_judgment_html,
        "markdown": render_judgment_markdown,
        "latex": render_judgment_latex,
    }
    for name, path in wanted.items():
        text = renderers[name](judgment)
        if name in printed:
            sys.stdout.write(text)
        else:
            _write_text(path, text)
    return bool(printed)


def _write_text(path: Path, text: str) -> None:
    """Write a file atomically and say so; a device such as /dev/stdout is written to."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from error
    print_message(f"Written: {escape(str(path))}")
