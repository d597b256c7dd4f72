"""Keep the memory of large feature maps between steps instead of giving it back to the system.

The C library returns large blocks and has them paged in again at the next step or batch. Its thresholds are
read when a process starts, so the command starts itself again, once, with them set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
}
COMPUTES = frozenset({"demo", "plan", "train", "ablate", "evaluate", "explain", "serve"})


def keep_pages(arguments: Sequence[str]) -> None:
    """Start this command again with the settings, where it computes and the C library knows them."""
    wanted = COMPUTES.intersection(arguments[:3]) and "--help" not in arguments
    if not wanted or not sys.platform.startswith("linux") or SETTINGS.keys() & os.environ.keys():
        return
    os.execve(  # noqa: S606
        sys.executable, [sys.executable, "-m", "foveal", *arguments], os.environ | SETTINGS
    )
