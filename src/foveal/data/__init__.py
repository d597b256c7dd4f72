"""Image data: sources, the cache of decoded images, and batches with augmentation."""

from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.data.batches import Augmentation, normalize_images
    from foveal.data.colorfulness import compute_colorfulness
    from foveal.data.dataset import ImageData, Split
    from foveal.data.decoded import DecodedData
    from foveal.data.loading import load_data
    from foveal.data.scenes import generate_scenes
    from foveal.data.sources import is_import_path, list_data_names

__all__ = [
    "Augmentation",
    "DecodedData",
    "ImageData",
    "Split",
    "compute_colorfulness",
    "generate_scenes",
    "is_import_path",
    "list_data_names",
    "load_data",
    "normalize_images",
]
