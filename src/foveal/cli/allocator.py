"""Settings of the C library's malloc that keep the memory of large feature maps between steps.

By default malloc returns large blocks to the system, which pages them in again at the next step or batch.
malloc reads its thresholds when a process starts, so the command re-executes itself once with them set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

MALLOC_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
}
_COMPUTING_COMMANDS = frozenset({"demo", "plan", "train", "ablate", "evaluate", "explain", "serve"})


def reexec_with_malloc_settings(arguments: Sequence[str]) -> None:
    """Replace this process by the same command with `MALLOC_SETTINGS` in its environment.

    Does nothing if the command does not compute, on other systems than Linux, or if a setting is present.
    """
    is_computing = _COMPUTING_COMMANDS.intersection(arguments[:3]) and "--help" not in arguments
    has_settings = MALLOC_SETTINGS.keys() & os.environ.keys()
    if not is_computing or has_settings or not sys.platform.startswith("linux"):
        return
    os.execve(  # noqa: S606
        sys.executable, [sys.executable, "-m", "foveal", *arguments], os.environ | MALLOC_SETTINGS
    )
