"""Cost of each variant of a study, read from its record."""

from __future__ import annotations

from statistics import median
from typing import Any, Final

import numpy as np

from foveal.records.study import StudyRecord

COST: Final = "cost"
SITE_COSTS: Final = ("parameters", "saved_bytes", "macs", "element_operations")


def list_variant_costs(study: StudyRecord) -> list[dict[str, Any]]:
    """Return the cost of each variant in each cell of a study; per image, except the saved bytes.

    `layers` are rows of text about the parts of the network, for one batch.

    `seconds` is the median time of its runs, `training_seconds` that of their training alone, and
    `epoch_seconds` that of one epoch of it, on whatever machines they ran. What has stored none is left out.
    """
    found = []
    for part in study.parts():
        for variant in part.variants:
            runs = part.runs_of(variant)
            stored = [study.extras.get(f"{COST}-{run.folder.name}") for run in runs]
            own = next((one for one in stored if one is not None), None)
            if own is None:
                continue
            batch = int(own["batch_size"])
            epochs = np.concatenate([run.metrics["time_seconds"] for run in runs])
            found.append(
                {
                    "cell": part.cell.label if part.cell else "",
                    "variant": variant,
                    "batch_size": batch,
                    "parameters": int(own["parameters"]),
                    "macs": int(own["macs"]) // batch,
                    "element_operations": int(own["element_operations"]) // batch,
                    "saved_bytes": int(own["saved_bytes"]),
                    "seconds": median(run.results["seconds"] for run in runs),
                    "epoch_seconds": float(np.median(epochs)),
                    "training_seconds": median(
                        float(run.metrics["time_seconds"].sum()) for run in runs
                    ),
                    "layers": [list(map(str, row)) for row in own.get("layers", ())],
                    "layer_headings": [str(name) for name in own.get("layer_headings", ())],
                    "torchsummary": own["torchsummary"].tolist() if "torchsummary" in own else None,
                    "uncounted": [str(name) for name in own["uncounted"]],
                    "sites": [
                        {name: own[f"site_{name}"][k].item() for name in SITE_COSTS}
                        | {"site": str(site)}
                        for k, site in enumerate(own["site"])
                    ],
                }
            )
    return found
