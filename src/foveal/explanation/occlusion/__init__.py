"""Occlusion sensitivity: windows, fills, the sweep over images, scores, and results with their maps."""

from foveal.explanation.occlusion.fills import FILLS, gaussian_blur
from foveal.explanation.occlusion.result import OcclusionResult
from foveal.explanation.occlusion.scores import SCORES
from foveal.explanation.occlusion.sensitivity import OCCLUSION_PRESETS, occlusion_sensitivity
from foveal.explanation.occlusion.windows import EDGE_MODES, Windows, choose_window, make_windows

__all__ = [
    "EDGE_MODES",
    "FILLS",
    "OCCLUSION_PRESETS",
    "OcclusionResult",
    "SCORES",
    "Windows",
    "choose_window",
    "gaussian_blur",
    "make_windows",
    "occlusion_sensitivity",
]
