"""What each variant of a study costs: left in its record, and shown as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foveal.cost import compare_costs
from foveal.cost.comparison import with_rise
from foveal.cost.cost_tables import MB, layer_table
from foveal.cost.torchsummary import done_right, old_rows, printed
from foveal.models import load_model
from foveal.records import schema
from foveal.study.config import RunConfig
from foveal.text_tables import Table
from foveal.variant_names import BASELINE

Arrays = Mapping[str, npt.NDArray[Any]]
SERIES = "series"
OLD_SHAPE = (3, 32, 32)
SHOWN_DEPTH = 2  # of the parts within parts that a table of the network has a row for


def cost(config: RunConfig, run: Path) -> Arrays:
    """Leave the cost of the network of a run, for one batch of its training.

    Scalars for the batch, and by gate (G,), the dearest first: `site`, `site_parameters`, `site_kept`,
    `site_macs`, `site_elements`. `kept` is in bytes; `uncounted` are names of operations. `layers` is the
    table of the network's parts as text, a row a part under `layer_headings`. Where the old study printed
    the memory of such a network, `torchsummary` has what its tool printed and what its convention gives
    when done right, in bytes for one image.
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
    layers = layer_table(report.layers, depth=SHOWN_DEPTH)
    return {
        "layer_headings": np.array(layers.headings),
        "layers": np.array(layers.rows),
        **as_printed_once(config, tuple(shape)),
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


def as_printed_once(config: RunConfig, shape: tuple[int, ...]) -> Arrays:
    """Return what the tool of the old study printed of its ConvNet with and without CBAM."""
    is_old = config.model == "convnet" and shape == OLD_SHAPE
    if not is_old or config.attention not in (BASELINE, SERIES):
        return {}
    series = config.attention == SERIES
    return {
        "torchsummary": np.array(
            [printed(old_rows(series=series)), done_right(old_rows(series=series))]
        )
    }


def costs_table(found: list[dict[str, Any]]) -> Table:
    """Return one row a variant, against `none` of the same cell."""
    rows = []
    for one in found:
        plain = next(
            (o for o in found if o["cell"] == one["cell"] and o["variant"] == BASELINE), None
        )
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
