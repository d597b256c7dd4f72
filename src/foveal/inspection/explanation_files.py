"""Files of an explanation: figures, logits (npz) and numbers (JSON)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from foveal.analysis import (
    average_maps_by_class,
    collect_occlusion_records,
    collect_robustness_curves,
    read_stored_extras,
    summarize_gates,
)
from foveal.inspection.explanation_figures import (
    draw_explanation,
    draw_mean_class_maps,
    draw_robustness_figure,
    draw_run_gates,
)
from foveal.inspection.explanations import Explanation, compute_gate_maps
from foveal.inspection.map_quality import MapMetric
from foveal.inspection.trained_runs import TrainedRun
from foveal.plotting import save_figure
from foveal.records import write_json

_SCHEMA_VERSION: Final = 2
_NUMBERS_FILE: Final = "explain.json"
_MAX_DRAWN_GATE_IMAGES: Final = 5


def write_explanation(
    folder: Path, explanation: Explanation, runs: Sequence[TrainedRun], content: dict[str, Any]
) -> list[Path]:
    """Write figures, logits and `content` into `folder` and return the paths.

    Files of an earlier call that were not written again are deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    previous = _list_previous_files(folder)
    written = save_figure(draw_explanation(explanation), folder / "comparison")
    run_folders = [(run.name, run.folder) for run in runs]
    records = collect_occlusion_records(read_stored_extras(run_folders, "occlusion"))
    class_maps = None if records is None else average_maps_by_class(records)
    if class_maps is not None and len(class_maps.labels):
        figure = draw_mean_class_maps(class_maps, explanation, len(runs))
        written += save_figure(figure, folder / "classes")
    curves = collect_robustness_curves(read_stored_extras(run_folders, "robustness"))
    if curves is not None:
        figure = draw_robustness_figure(curves, explanation)
        written += save_figure(figure, folder / "robustness")
    for run in _list_first_runs(runs):
        maps = compute_gate_maps(run, explanation, max_images=_MAX_DRAWN_GATE_IMAGES)
        if maps:
            name = "".join(c if c.isalnum() or c in "-_=." else "-" for c in run.name)
            figure = draw_run_gates(maps, run, explanation)
            written += save_figure(figure, folder / f"gates-{name}")
    explanation.result.save(folder / "occlusion.npz")
    written.append(folder / "occlusion.npz")
    for path in previous - set(written):
        path.unlink(missing_ok=True)
    write_json(folder / _NUMBERS_FILE, content | {"files": [path.name for path in written]})
    return [*written, folder / _NUMBERS_FILE]


def _list_previous_files(folder: Path) -> set[Path]:
    """Return the files that an earlier call wrote into `folder`, as listed in its JSON file."""
    try:
        names = json.loads((folder / _NUMBERS_FILE).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {folder / Path(str(name)).name for name in names}


def _list_first_runs(runs: Sequence[TrainedRun]) -> list[TrainedRun]:
    """Return the first run of each name."""
    first_runs: dict[str, TrainedRun] = {}
    for run in runs:
        first_runs.setdefault(run.name, run)
    return list(first_runs.values())


def make_explanation_content(
    explanation: Explanation, runs: Sequence[TrainedRun], metrics: dict[str, list[MapMetric]]
) -> dict[str, Any]:
    """Return the numbers of an explanation as JSON values."""
    result, data = explanation.result, explanation.data
    gate_extras = read_stored_extras([(run.name, run.folder) for run in runs], "gates")
    return {
        "schema": _SCHEMA_VERSION,
        "data": data.name,
        "data_checksum": data.checksum,
        "image_selection": explanation.selection,
        "window": result.windows.window,
        "stride": result.windows.stride,
        "edge": result.windows.edge,
        "fill": list(result.fills),
        "score": result.score,
        "target": result.target,
        "runs": [str(run.folder) for run in runs],
        "images": [
            {"index": int(index), "label": int(label), "class": data.classes[label]}
            for index, label in zip(explanation.image_indices, explanation.labels, strict=True)
        ],
        "variants": {name: _make_variant_content(explanation, name) for name in explanation.runs},
        "gates": [asdict(summary) for summary in summarize_gates(gate_extras)],
        "metrics": {name: [asdict(metric) for metric in each] for name, each in metrics.items()},
    }


def _make_variant_content(explanation: Explanation, name: str) -> dict[str, Any]:
    """Return the numbers of one variant: lists with a value per image, means over the seeds."""
    images = np.arange(len(explanation.labels))
    runs = explanation.runs[name]
    correct_seeds = explanation.count_votes(name)[images, explanation.labels]
    under_occlusion = [explanation.result.accuracy_under_occlusion(run.key) for run in runs]
    return {
        "seeds": [run.seed for run in runs],
        "confidence": explanation.average_confidences(name).tolist(),
        "accuracy": (correct_seeds / len(runs)).tolist(),
        "max_drop": explanation.compute_max_drops(name).tolist(),
        "accuracy_under_occlusion": float(np.mean(under_occlusion)),
        "fill_agreement": explanation.measure_fill_agreement(name),
    }
