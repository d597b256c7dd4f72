"""The original CIFAR archives, python and binary, packed or unpacked.

Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images". An archive is read in
memory; nothing is written under a name that it gives. Its MD5 must be the published one. So must
that of each unpacked python file. For unpacked binary files none is published, and so their
length is checked, which the format fixes.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foveal.data.cifar.formats import decode_batches
from foveal.data.cifar.layouts import LAYOUTS, LENGTH, MD5, Layout
from foveal.data.decoded import Content
from foveal.errors import FovealError, UsageError


@dataclass(frozen=True)
class Archive:
    """An archive at hand: the .tar.gz file at `path`, or the unpacked folder."""

    layout: Layout
    path: Path

    @property
    def packed(self) -> bool:
        """Whether it is the .tar.gz file."""
        return self.path.is_file()

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read from the disk."""
        if self.packed:
            return (self.path,)
        return tuple(self.path / name for name in self.layout.files)


def find_archive(path: Path) -> Archive | None:
    """Return the archive that `path` is or holds, packed or not; None if there is none.

    Raises UsageError where both CIFAR-10 and CIFAR-100 are at hand.
    """
    found = [archive for layout in LAYOUTS for archive in candidates(layout, path)]
    if len({archive.layout.dataset for archive in found}) > 1:
        raise UsageError(f"{path} holds several data sets; give the path of {found[0].path} say.")
    return found[0] if found else None


def candidates(layout: Layout, path: Path) -> list[Archive]:
    """Return what `path` is or holds of `layout`, unpacked first."""
    if path.is_file():
        return [Archive(layout, path)] if path.name == layout.archive else []
    # Test images and class names are what tells an unpacked folder from any other.
    unpacked = [
        folder
        for folder in (path / layout.folder, path)
        if all((folder / name).is_file() for name in (layout.test, *layout.names))
    ]
    packed = [file for file in (path / layout.archive,) if file.is_file()]
    return [Archive(layout, place) for place in (*unpacked, *packed)]


def read_archive(
    archive: Archive,
    *,
    md5: Mapping[str, str] = MD5,
    length: Mapping[str, int] = LENGTH,
) -> Content:
    """Verify the archive, then decode it; raises FovealError if it is not the published one."""
    layout, path = archive.layout, archive.path
    if archive.packed:
        verify(path, layout.archive, md5=md5, length=length)
        return decode_batches(read_tar(path, layout), layout, path)
    for name in layout.files:
        verify(path / name, f"{layout.folder}/{name}", md5=md5, length=length)
    members = {name: (path / name).read_bytes() for name in layout.files}
    return decode_batches(members, layout, path)


def verify(path: Path, name: str, *, md5: Mapping[str, str], length: Mapping[str, int]) -> None:
    """Raise unless the file at `path` has the MD5 and the length known for `name`, if any."""
    size = path.stat().st_size
    if size != length.get(name, size):
        raise FovealError(
            f"{path} has {size} bytes instead of {length[name]}; it is damaged, fetch it again."
        )
    if name not in md5:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5[name]:
        raise FovealError(
            f"{path} has the MD5 {found} instead of {md5[name]}; "
            "it is damaged or not the original, fetch it again."
        )


def read_tar(path: Path, layout: Layout) -> dict[str, bytes]:
    """Return the files of `layout` out of a .tar.gz, by name."""
    wanted = {f"{layout.folder}/{name}": name for name in layout.files}
    members = {}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                wants = member.isfile() and member.name in wanted
                file = tar.extractfile(member) if wants else None
                if file is not None:
                    members[wanted[member.name]] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FovealError(f"{path} is damaged ({error}); fetch it again.") from error
    for name in layout.files:
        if name not in members:
            raise FovealError(f"{path} lacks {layout.folder}/{name}; fetch it again.")
    return members
