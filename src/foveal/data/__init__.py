"""Images to train and test on: sources, the decoded cache, augmentation by batch."""

from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.data.batches import Augmentation
    from foveal.data.colorfulness import colorfulness
    from foveal.data.dataset import ImageData, Split
    from foveal.data.decoded import Content
    from foveal.data.loading import load_data
    from foveal.data.scenes.generation import scenes_data
    from foveal.data.sources.lookup import data_names, is_import_path

__all__ = [
    "Augmentation",
    "Content",
    "ImageData",
    "Split",
    "colorfulness",
    "data_names",
    "is_import_path",
    "load_data",
    "scenes_data",
]
