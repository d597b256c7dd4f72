"""What each variant of a study costs, left in its record and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.attention.spec import NONE
from foveal.cost import compare_costs
from foveal.cost.comparison import with_rise
from foveal.cost.rendering import Table
from foveal.cost.tables import MB
from foveal.errors import FovealError
from foveal.models import load_model
from foveal.records import StudyRecord, schema
from foveal.study.config import RunConfig

COST = "cost"
OF_SITES = ("parameters", "kept", "macs", "elements")
Arrays = Mapping[str, npt.NDArray[Any]]


def cost(config: RunConfig, run: Path) -> Arrays:
    """Leave the cost of the network of a run, for one batch of its training.

    Scalars for the batch, and by gate (G,), the dearest first: `site`, `site_parameters`, `site_kept`,
    `site_macs`, `site_elements`. `kept` is in bytes; `uncounted` are names of operations.
    """
    model = load_model(run / schema.MODEL)
    shape: Any = model.input_shape
    compared = compare_costs(
        {config.attention: model},
        shape,
        batch_size=config.batch_size,
        precision="bf16" if config.dtype == "bfloat16" else "fp32",
        latency=False,
    )
    report = compared.reports[config.attention]
    totals, sites = report.totals, report.sites
    return {
        "batch_size": np.array(config.batch_size),
        "parameters": np.array(totals.parameters),
        "macs": np.array(totals.macs),
        "element_operations": np.array(totals.element_operations),
        "kept": np.array(totals.kept),
        "outputs": np.array(totals.outputs),
        "uncounted": np.array(sorted(totals.uncounted), dtype=str),
        "site": np.array([site.site for site in sites], dtype=str),
        "site_parameters": np.array([site.parameters for site in sites], dtype=np.int64),
        "site_kept": np.array([site.kept for site in sites], dtype=np.int64),
        "site_macs": np.array([site.macs for site in sites], dtype=np.int64),
        "site_elements": np.array([site.element_operations for site in sites], dtype=np.int64),
    }


def costs_of(record: StudyRecord) -> list[dict[str, Any]]:
    """Return the cost of each variant in each cell of a study; per image, but for the kept bytes.

    `seconds` is the median training time of its runs, on whatever machines they ran.

    Raises:
        FovealError: the study has stored none.
    """
    found = []
    for part in record.parts():
        for variant in part.variants:
            runs = part.runs_of(variant)
            stored = [record.extras.get(f"{COST}-{run.folder.name}") for run in runs]
            own = next((one for one in stored if one is not None), None)
            if own is None:
                continue
            batch = int(own["batch_size"])
            found.append(
                {
                    "cell": part.cell.label if part.cell else "",
                    "variant": variant,
                    "batch_size": batch,
                    "parameters": int(own["parameters"]),
                    "macs": int(own["macs"]) // batch,
                    "element_operations": int(own["element_operations"]) // batch,
                    "kept": int(own["kept"]),
                    "seconds": median(run.results["seconds"] for run in runs),
                    "uncounted": [str(name) for name in own["uncounted"]],
                    "sites": [
                        {name: own[f"site_{name}"][k].item() for name in OF_SITES}
                        | {"site": str(site)}
                        for k, site in enumerate(own["site"])
                    ],
                }
            )
    if not found:
        raise FovealError(
            f"{record.folder} has stored no cost: `foveal ablate` leaves it when all runs are complete, "
            "unless it is called with --no-extras."
        )
    return found


def costs_table(found: list[dict[str, Any]]) -> Table:
    """Return one row a variant, against `none` of the same cell."""
    rows = []
    for one in found:
        plain = next((o for o in found if o["cell"] == one["cell"] and o["variant"] == NONE), None)
        before = {} if plain is None else plain
        rows.append(
            (
                " ".join(filter(None, (one["cell"], one["variant"]))),
                with_rise(one["parameters"], before.get("parameters", 0)),
                with_rise(one["macs"], before.get("macs", 0)),
                with_rise(one["element_operations"], before.get("element_operations", 0)),
                with_rise(one["kept"] / MB, before.get("kept", 0) / MB, form=",.1f"),
                f"{one['seconds']:.1f}",
            )
        )
    batches = " or ".join(map(str, sorted({one["batch_size"] for one in found})))
    missing = sorted({name for one in found for name in one["uncounted"]})
    return Table(
        "What the variants cost",
        (
            "variant",
            "parameters",
            "MACs an image",
            "elements an image",
            "kept a batch, MB",
            "seconds a run",
        ),
        tuple(rows),
        "In brackets against none. Kept: for the backward pass of a batch of "
        f"{batches}. Seconds: median over runs, on the machines they ran on. Not "
        f"counted: {', '.join(missing) or 'nothing'}.",
    )
