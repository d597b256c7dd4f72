"""`scenes`: a synthetic data set of ten shapes on cluttered backgrounds, rendered on demand."""

from foveal.data.scenes.generation import CLASSES, SceneOptions, generate_scenes, render_scenes

__all__ = ["CLASSES", "SceneOptions", "generate_scenes", "render_scenes"]
