"""Results are kept with what they hang on: command, date, machine, versions."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from foveal.machine import get_processor_name
from foveal.training.numerics import count_cpu_cores

FOLDER = Path(__file__).parent / "results"


def machine(device: str) -> str:
    """Return what computes."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{get_processor_name()}, {count_cpu_cores()} threads"


def keep(name: str, rows: list[dict[str, Any]], *, device: str = "cpu", **more: Any) -> Path:
    """Write rows to `results/NAME.json` and return the path."""
    about = {
        "command": " ".join(["python", f"benchmarks/bench_{name}.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(device),
        "torch": torch.__version__,
    }
    suffix = "" if device == "cpu" else f"-{device}"
    path = FOLDER / f"{name}{suffix}.json"
    path.write_text(json.dumps(about | more | {"rows": rows}, indent=1) + "\n")
    return path
