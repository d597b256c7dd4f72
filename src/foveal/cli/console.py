"""Output streams: results go to stdout, messages and progress to stderr."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from rich.console import Console

_REDIRECTED_WIDTH = 100  # columns of output to a file or a pipe; a terminal has its own width

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)
if not stdout.is_terminal and "COLUMNS" not in os.environ:
    stdout.width = _REDIRECTED_WIDTH


def print_message(text: str) -> None:
    """Print one line of rich markup on stderr."""
    stderr.print(text, soft_wrap=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object, and nothing else, on stdout."""
    print(json.dumps(content, indent=2))  # noqa: T201
