"""Facts about this machine."""

from __future__ import annotations

import platform
from pathlib import Path


def get_processor_name() -> str:
    """Return the processor's model name, or the architecture if the system does not report a model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
