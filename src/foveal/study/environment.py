"""Environment of a run: versions, machine, command and date."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from foveal.kernels import describe_instruction_set
from foveal.machine import get_processor_name

_LIBRARIES: Final = ("torch", "numpy", "datasets", "pillow")


def describe_environment() -> dict[str, Any]:
    """Return versions, machine with its instruction set, command and date."""
    import foveal

    return {
        "foveal": foveal.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "system": platform.platform(),
        "processor": get_processor_name(),
        "cores": os.cpu_count(),
        "instruction_set": describe_instruction_set(),
        "command": shlex.join(["foveal", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
