"""The machine, as far as the system tells."""

from __future__ import annotations

import platform


def processor_name() -> str:
    """Return the name of the processor."""
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            names = [
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
