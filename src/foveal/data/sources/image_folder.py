"""Folders of image files with one folder per class, as in torchvision's `ImageFolder`.

Classes are the folders in `train`, in alphabetical order. The test split is `test`; only without it, `val`
or `validation`. All files below a class folder with a suffix from `_IMAGE_SUFFIXES` are read in the order
of their paths, except hidden files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split
from foveal.data.decoded import DecodedData
from foveal.data.image_decoding import decode_image_from, require_equal_size
from foveal.errors import UsageError

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_TEST_FOLDERS = ("test", "val", "validation")
_IMAGE_SIZE_HINT = (
    " Give `image_size` to scale and crop all of them to a square of that side in pixels."
)


@dataclass(frozen=True)
class ImageFolder:
    """Image files of the folder `root`, each with its label."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]

    @property
    def files(self) -> list[Path]:
        """All files, training files first."""
        return [path for path, _ in (*self.train, *self.test)]


def find_image_folder(root: Path) -> ImageFolder | None:
    """Return the image files in `root`; None if `root` has no `train` with class folders.

    Raises:
        UsageError: the test split is missing or has an unknown class, or a class has no images.
    """
    train = root / "train"
    classes = _list_class_folders(train)
    if not classes:
        return None
    test = next((root / name for name in _TEST_FOLDERS if (root / name).is_dir()), None)
    if test is None:
        raise UsageError(
            f"{root} has train, and should also have one of {', '.join(_TEST_FOLDERS)}."
        )
    test_classes = _list_class_folders(test)
    if not test_classes:
        raise UsageError(f"{test} should have a folder for each class, as {train} does.")
    for name in test_classes:
        if name not in classes:
            raise UsageError(f"{test / name} is not a class: {train} has no folder of that name.")
    return ImageFolder(
        root,
        classes,
        train=_list_labeled_files(train, classes, classes),
        test=_list_labeled_files(test, test_classes, classes),
    )


def _list_class_folders(split: Path) -> tuple[str, ...]:
    """Return the sorted names of the folders in `split`; empty if `split` is not a folder."""
    if not split.is_dir():
        return ()
    folders = [path for path in split.iterdir() if path.is_dir()]
    return tuple(sorted(path.name for path in folders if not path.name.startswith(".")))


def _list_labeled_files(
    split: Path, names: Iterable[str], classes: Sequence[str]
) -> tuple[tuple[Path, int], ...]:
    """Return the image files of the class folders `names`, each with its index in `classes`."""
    return tuple(
        (path, classes.index(name)) for name in names for path in _list_image_files(split / name)
    )


def _list_image_files(folder: Path) -> list[Path]:
    """Return the images at any depth below `folder`, sorted by path.

    Raises:
        UsageError: there are none.
    """
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file()
    }
    names = [name for name in sorted(paths) if not name.startswith(".") and "/." not in name]
    if not names:
        raise UsageError(
            f"{folder} should contain an image ({', '.join(_IMAGE_SUFFIXES)}). Found none."
        )
    return [paths[name] for name in names]


def read_image_folder(folder: ImageFolder, *, image_size: int | None = None) -> DecodedData:
    """Decode the files; with `image_size` each image is scaled and cropped to a square of that side.

    Raises:
        UsageError: the images differ in size.
        FovealError: an image is damaged.
    """
    images = _decode_image_files(folder.files, image_size)
    labels = np.array([label for _, label in (*folder.train, *folder.test)], np.int64)
    count = len(folder.train)
    train, test = Split(images[:count], labels[:count]), Split(images[count:], labels[count:])
    return DecodedData(folder.classes, train, test)


def _decode_image_files(files: Sequence[Path], image_size: int | None) -> npt.NDArray[np.uint8]:
    """Return the images, uint8 (N, H, W, C); C is 1 if all images are gray, otherwise 3."""
    first, _ = _decode_image_file(files[0], image_size)
    # Photographs may fill the memory: fill one array instead of stacking a list, which needs twice as much.
    images = np.empty((len(files), *first.shape), np.uint8)
    all_gray = True
    for row, path in enumerate(files):
        image, is_gray = _decode_image_file(path, image_size)
        require_equal_size(image.shape, first.shape, str(path), hint=_IMAGE_SIZE_HINT)
        images[row] = image
        all_gray &= is_gray
    return images[..., :1] if all_gray else images


def _decode_image_file(path: Path, image_size: int | None) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the image in a file, uint8 (H, W, 3), and True if it is gray."""
    return decode_image_from(str(path), path.read_bytes(), image_size=image_size)
