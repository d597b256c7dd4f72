"""Costs of the variants of a study: stored counts, saved bytes and measured times."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any, Final

from foveal.analysis.training_times import compute_training_times
from foveal.records import Arrays, RunRecord, StudyRecord

_COST_EXTRA: Final = "cost"
_SITE_COST_NAMES: Final = ("parameters", "saved_bytes", "macs", "element_operations")


def list_variant_costs(study: StudyRecord) -> list[dict[str, Any]]:
    """Return the cost of each variant in each cell of a study; variants without a stored cost are left out.

    `macs` and `element_operations` are per image, `saved_bytes` (saved for backward) and `layers` (rows of
    text) per batch. `seconds` is the median duration of a run, on the machines on which the runs were trained.
    `step_seconds`, `epoch_seconds`, `training_seconds`, `runs_over_steps`, `slowest_over_fastest`,
    `step_spread` and `has_reliable_time` are those of `TrainingTimes`.
    """
    costs = []
    for cell_study in study.split_by_cell():
        label = cell_study.cell.label if cell_study.cell else ""
        times = compute_training_times(cell_study)
        for variant in cell_study.variants:
            runs = cell_study.get_runs(variant)
            arrays = _find_stored_cost(study, runs)
            if arrays is not None:
                cost = {"cell": label, "variant": variant}
                seconds = {"seconds": median(run.results["seconds"] for run in runs)}
                costs.append(cost | _convert_cost(arrays) | seconds | asdict(times[variant]))
    return costs


def _find_stored_cost(study: StudyRecord, runs: tuple[RunRecord, ...]) -> Arrays | None:
    """Return the stored cost of a variant, or None: it is stored under the name of one of its runs."""
    for run in runs:
        arrays = study.extras.get(f"{_COST_EXTRA}-{run.folder.name}")
        if arrays is not None:
            return arrays
    return None


def _convert_cost(arrays: Arrays) -> dict[str, Any]:
    """Return a stored cost as plain numbers and text."""
    batch_size = int(arrays["batch_size"])
    sites = [
        {"site": str(site)}
        | {name: arrays[f"site_{name}"][index].item() for name in _SITE_COST_NAMES}
        for index, site in enumerate(arrays["site"])
    ]
    return {
        "batch_size": batch_size,
        "parameters": int(arrays["parameters"]),
        "macs": int(arrays["macs"]) // batch_size,
        "element_operations": int(arrays["element_operations"]) // batch_size,
        "saved_bytes": int(arrays["saved_bytes"]),
        "layers": [list(map(str, row)) for row in arrays["layers"]],
        "layer_headings": [str(name) for name in arrays["layer_headings"]],
        "torchsummary": arrays["torchsummary"].tolist() if "torchsummary" in arrays else None,
        "uncounted": [str(name) for name in arrays["uncounted"]],
        "sites": sites,
    }
