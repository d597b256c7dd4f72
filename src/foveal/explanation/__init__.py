"""Explanations of a network: occlusion sensitivity, gate maps, Grad-CAM, and measures of their reliability."""

from foveal.explanation.agreement import Agreement, measure_agreement
from foveal.explanation.faithfulness import Faithfulness, measure_faithfulness
from foveal.explanation.gate_maps import GateMap, gate_maps, has_gates
from foveal.explanation.gate_statistics import GateStatistics, compute_gate_statistics
from foveal.explanation.grad_cam import grad_cam
from foveal.explanation.grid_pointing import GridCanvas, make_grid_canvas
from foveal.explanation.input_validation import move_to_model
from foveal.explanation.localization import (
    Localization,
    LocalizationMeasure,
    boxes_to_masks,
    measure_localization,
)
from foveal.explanation.occlusion import OCCLUSION_PRESETS, OcclusionResult, occlusion_sensitivity
from foveal.explanation.random_maps import make_random_maps

__all__ = [
    "Agreement",
    "Faithfulness",
    "GateMap",
    "GateStatistics",
    "GridCanvas",
    "Localization",
    "LocalizationMeasure",
    "OCCLUSION_PRESETS",
    "OcclusionResult",
    "boxes_to_masks",
    "gate_maps",
    "compute_gate_statistics",
    "grad_cam",
    "has_gates",
    "measure_localization",
    "make_grid_canvas",
    "measure_agreement",
    "measure_faithfulness",
    "occlusion_sensitivity",
    "make_random_maps",
    "move_to_model",
]
