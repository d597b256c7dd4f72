"""Folders of image files, a folder a class, as torchvision's `ImageFolder` has them.

Classes are the folders in `train`, in the order of their names. The test split is `test` or, only
where there is none, `val` or else `validation`. Files are those below a class's folder with an
ending of `ENDINGS`, in the order of their paths; hidden ones are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foveal.data.dataset import Split
from foveal.data.decoded import Content
from foveal.data.image_decoding import decode_at, require_size
from foveal.errors import UsageError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
TESTS = ("test", "val", "validation")
HINT = " Give `image_size`, the side in pixels to which all of them are scaled and cut."


@dataclass(frozen=True)
class ImageFolder:
    """The image files in the folder `root`, each with its label."""

    root: Path
    classes: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]

    @property
    def files(self) -> list[Path]:
        """All files, those of training first."""
        return [path for path, _ in (*self.train, *self.test)]


def find_image_folder(root: Path) -> ImageFolder | None:
    """Return the images in `root`; None if it has no `train` with folders.

    Raises UsageError if the test split is missing or has another class, or a class has no image.
    """
    train = root / "train"
    classes = class_names(train)
    if not classes:
        return None
    test = next((root / name for name in TESTS if (root / name).is_dir()), None)
    if test is None:
        raise UsageError(f"{root} has train, and should have one of {', '.join(TESTS)} besides.")
    tested = class_names(test)
    if not tested:
        raise UsageError(f"{test} should have a folder for each class, as {train} does.")
    for name in tested:
        if name not in classes:
            raise UsageError(f"{test / name} is no class, as {train} has no folder of that name.")
    return ImageFolder(
        root, classes, labeled(train, classes, classes), labeled(test, tested, classes)
    )


def class_names(split: Path) -> tuple[str, ...]:
    """Return the names of the folders in `split`, sorted; none if it is no folder."""
    if not split.is_dir():
        return ()
    folders = [path for path in split.iterdir() if path.is_dir()]
    return tuple(sorted(path.name for path in folders if not path.name.startswith(".")))


def labeled(
    split: Path, present: Iterable[str], classes: Sequence[str]
) -> tuple[tuple[Path, int], ...]:
    """Return the files of the classes `present` in `split`, each with its index in `classes`."""
    return tuple(
        (path, classes.index(name)) for name in present for path in image_files(split / name)
    )


def image_files(folder: Path) -> list[Path]:
    """Return the images at any depth below `folder`, sorted by path; at least one."""
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file()
    }
    names = [name for name in sorted(found) if not name.startswith(".") and "/." not in name]
    if not names:
        raise UsageError(f"{folder} should hold an image ({', '.join(ENDINGS)}), and has none.")
    return [found[name] for name in names]


def read_image_folder(folder: ImageFolder, *, image_size: int | None = None) -> Content:
    """Decode the files; with `image_size` each is the center square of that side, scaled."""
    images = decode_files(folder.files, image_size)
    labels = np.array([label for _, label in (*folder.train, *folder.test)], np.int64)
    count = len(folder.train)
    train, test = Split(images[:count], labels[:count]), Split(images[count:], labels[count:])
    return Content(folder.classes, train, test)


def decode_files(files: Sequence[Path], image_size: int | None) -> npt.NDArray[np.uint8]:
    """Return the images uint8 (N, H, W, C); C is 1 if all of them are gray, else 3."""
    first, _ = decode_file(files[0], image_size)
    # Photographs fill the memory, so they are never held twice, in a list and in an array.
    images = np.empty((len(files), *first.shape), np.uint8)
    all_gray = True
    for row, path in enumerate(files):
        image, gray = decode_file(path, image_size)
        require_size(image.shape, first.shape, str(path), hint=HINT)
        images[row] = image
        all_gray &= gray
    return images[..., :1] if all_gray else images


def decode_file(path: Path, image_size: int | None) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return the image in a file as uint8 (H, W, 3), and whether it is gray."""
    return decode_at(str(path), path.read_bytes(), image_size=image_size)
