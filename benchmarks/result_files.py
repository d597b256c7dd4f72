"""Result files of the benchmarks: rows with their command, date, machine and versions."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from foveal.machine import get_processor_name
from foveal.training import count_cpu_cores

RESULTS_FOLDER = Path(__file__).parent / "results"


def describe_machine(device: str) -> str:
    """Return the name of the GPU, or of the processor with its number of threads."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{get_processor_name()}, {count_cpu_cores()} threads"


def replace_rows(
    name: str, rows: list[dict[str, Any]], key: tuple[str, ...], *, device: str
) -> Path:
    """Write rows to the results; they replace rows of the same machine and PyTorch that have the same key."""
    path = _get_path(name, device)
    kept = json.loads(path.read_text()) if path.exists() else {"rows": []}
    is_same_machine = (kept.get("machine"), kept.get("torch")) == (
        describe_machine(device),
        torch.__version__,
    )
    replaced = [[row.get(part) for part in key] for row in rows]
    others = [row for row in kept["rows"] if [row.get(part) for part in key] not in replaced]
    return save_results(name, (others if is_same_machine else []) + rows, device=device)


def save_results(
    name: str, rows: list[dict[str, Any]], *, device: str = "cpu", **more: Any
) -> Path:
    """Write rows and `more` to `results/NAME.json` and return the path."""
    conditions = {
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": describe_machine(device),
        "torch": torch.__version__,
    }
    path = _get_path(name, device)
    path.write_text(json.dumps(conditions | more | {"rows": rows}, indent=1) + "\n")
    return path


def _get_path(name: str, device: str) -> Path:
    """Return the path of the results of a benchmark on a device."""
    suffix = "" if device == "cpu" else f"-{device}"
    return RESULTS_FOLDER / f"{name}{suffix}.json"
