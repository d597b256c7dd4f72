"""Cost of each variant of a study, stored in its record."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from foveal.cost import compare_costs
from foveal.cost.cost_tables import make_layer_table
from foveal.cost.torchsummary import (
    compute_corrected_bytes,
    compute_printed_bytes,
    list_original_calls,
)
from foveal.models import build_model
from foveal.records import Arrays
from foveal.study.config import RunConfig
from foveal.study.data_loading import load_shared_data
from foveal.study.training_job import get_model_options
from foveal.variant_names import BASELINE

_ORIGINAL_INPUT_SHAPE: Final = (3, 32, 32)
_ORIGINAL_VARIANTS: Final = (BASELINE, "cbam")
_TABLE_DEPTH: Final = 2
"""Levels of modules in the stored table of layers."""


def compute_cost_extra(config: RunConfig) -> Arrays:
    """Return the cost of the network of a run for one batch of its training, as arrays to store.

    Scalars are sums for the batch, `saved_bytes` and `output_bytes` in bytes. Arrays by gate (G,), in
    descending order of saved bytes: `site`, `site_parameters`, `site_saved_bytes`, `site_macs` and
    `site_element_operations`. `uncounted` contains names of operations. `layers` is the table of the
    network's layers as text, with the headings `layer_headings`. For the networks of the original study,
    `torchsummary` contains the total that torchsummary prints and the corrected one, in bytes for one image.
    """
    model = build_model(**get_model_options(config, load_shared_data(config)))
    shape: Any = model.input_shape
    comparison = compare_costs(
        {config.attention: model},
        shape,
        batch_size=config.batch_size,
        precision="bf16" if config.dtype == "bfloat16" else "fp32",
        latency=False,
    )
    report = comparison.reports[config.attention]
    totals, sites = report.totals, report.sites
    layers = make_layer_table(report.layers, depth=_TABLE_DEPTH)
    return {
        "layer_headings": np.array(layers.headings),
        "layers": np.array(layers.rows),
        **_compute_torchsummary_totals(config, tuple(shape)),
        "batch_size": np.array(config.batch_size),
        "parameters": np.array(totals.parameters),
        "macs": np.array(totals.macs),
        "element_operations": np.array(totals.element_operations),
        "saved_bytes": np.array(totals.saved_bytes),
        "output_bytes": np.array(totals.output_bytes),
        "uncounted": np.array(sorted(totals.uncounted), dtype=str),
        "site": np.array([site.site for site in sites], dtype=str),
        "site_parameters": np.array([site.parameters for site in sites], dtype=np.int64),
        "site_saved_bytes": np.array([site.saved_bytes for site in sites], dtype=np.int64),
        "site_macs": np.array([site.macs for site in sites], dtype=np.int64),
        "site_element_operations": np.array(
            [site.element_operations for site in sites], dtype=np.int64
        ),
    }


def _compute_torchsummary_totals(config: RunConfig, shape: tuple[int, ...]) -> Arrays:
    """Return the totals of torchsummary for the networks of the original study, or no array for others."""
    is_original = config.model == "convnet" and shape == _ORIGINAL_INPUT_SHAPE
    if not is_original or config.attention not in _ORIGINAL_VARIANTS:
        return {}
    calls = list(list_original_calls(cbam=config.attention != BASELINE))
    totals = [compute_printed_bytes(calls), compute_corrected_bytes(calls)]
    return {"torchsummary": np.array(totals)}
