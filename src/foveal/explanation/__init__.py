"""Where a network looks: occlusion, gates and Grad-CAM, and how far they can be trusted."""

from foveal.explanation.agreement import Agreement, measure_agreement
from foveal.explanation.faithfulness import Faithfulness, measure_faithfulness
from foveal.explanation.gate_maps import GateMap, gate_maps
from foveal.explanation.gate_statistics import GateStatistics, gate_statistics
from foveal.explanation.grad_cam import grad_cam
from foveal.explanation.grid_pointing import GridCanvas, make_grid_canvas
from foveal.explanation.localization import Localization, boxes_to_masks, localize
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.sensitivity import OCCLUSION_PRESETS, occlusion_sensitivity
from foveal.explanation.random_maps import random_maps

__all__ = [
    "Agreement",
    "Faithfulness",
    "GateMap",
    "GateStatistics",
    "Localization",
    "OcclusionResult",
    "OCCLUSION_PRESETS",
    "GridCanvas",
    "measure_agreement",
    "measure_faithfulness",
    "gate_maps",
    "gate_statistics",
    "grad_cam",
    "localize",
    "boxes_to_masks",
    "occlusion_sensitivity",
    "make_grid_canvas",
    "random_maps",
]
