"""Images to train and test on: sources, the decoded cache, augmentation by batch."""

from foveal.data.batches import Augmentation
from foveal.data.dataset import ImageData, Split
from foveal.data.scenes import scenes_data
from foveal.data.sources import data_names, load_data

__all__ = ["Augmentation", "ImageData", "Split", "data_names", "load_data", "scenes_data"]
