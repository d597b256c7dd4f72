"""Where a network looks: occlusion, gates and Grad-CAM, and how far they can be trusted."""

from foveal.explanation.agreement import Agreement, agreement
from foveal.explanation.faithfulness import Faithfulness, faithfulness
from foveal.explanation.gate_statistics import GateStatistics, gate_statistics
from foveal.explanation.gates import GateMap, gate_maps
from foveal.explanation.grad_cam import grad_cam
from foveal.explanation.grid_pointing import Planted, plant
from foveal.explanation.localization import Localization, localize, masks_of_boxes
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.sensitivity import PRESETS, occlusion_sensitivity
from foveal.explanation.random_maps import random_maps

__all__ = [
    "Agreement",
    "Faithfulness",
    "GateMap",
    "GateStatistics",
    "Localization",
    "OcclusionResult",
    "PRESETS",
    "Planted",
    "agreement",
    "faithfulness",
    "gate_maps",
    "gate_statistics",
    "grad_cam",
    "localize",
    "masks_of_boxes",
    "occlusion_sensitivity",
    "plant",
    "random_maps",
]
