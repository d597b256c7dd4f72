"""Original CIFAR archives: finding, verifying and reading them.

Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images". A packed archive is read in
memory: no file is written under a name from the archive. The MD5 checksum of a packed archive and of
each unpacked python file must equal the published one. No checksums are published for unpacked binary
files, so their size is verified, which the format fixes.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foveal.data.cifar.decoding import decode_archive
from foveal.data.cifar.layouts import ARCHIVE_LAYOUTS, FILE_SIZES, MD5_CHECKSUMS, ArchiveLayout
from foveal.data.decoded import DecodedData
from foveal.errors import FovealError, UsageError


@dataclass(frozen=True)
class CIFARArchive:
    """An archive on disk: the .tar.gz file `path`, or the unpacked folder `path`."""

    layout: ArchiveLayout
    path: Path

    @property
    def is_packed(self) -> bool:
        """True for the .tar.gz file."""
        return self.path.is_file()

    @property
    def files(self) -> tuple[Path, ...]:
        """Files to read from disk."""
        if self.is_packed:
            return (self.path,)
        return tuple(self.path / name for name in self.layout.files)


def find_archive(path: Path) -> CIFARArchive | None:
    """Return the archive that `path` is or contains, packed or unpacked; None if there is none.

    Raises:
        UsageError: both CIFAR-10 and CIFAR-100 are found.
    """
    archives = [archive for layout in ARCHIVE_LAYOUTS for archive in _list_archives(layout, path)]
    if len({archive.layout.dataset for archive in archives}) > 1:
        raise UsageError(
            f"{path} contains several data sets. Use the path of one, such as {archives[0].path}."
        )
    return archives[0] if archives else None


def _list_archives(layout: ArchiveLayout, path: Path) -> list[CIFARArchive]:
    """Return the archives of `layout` that `path` is or contains, unpacked folders first."""
    if path.is_file():
        return [CIFARArchive(layout, path)] if path.name == layout.archive else []
    # An unpacked folder is recognized by its test images and class names.
    unpacked = [
        folder
        for folder in (path / layout.folder, path)
        if all((folder / name).is_file() for name in (layout.test_file, *layout.class_name_files))
    ]
    packed = [file for file in (path / layout.archive,) if file.is_file()]
    return [CIFARArchive(layout, archive_path) for archive_path in (*unpacked, *packed)]


def read_archive(
    archive: CIFARArchive,
    *,
    md5_checksums: Mapping[str, str] = MD5_CHECKSUMS,
    file_sizes: Mapping[str, int] = FILE_SIZES,
) -> DecodedData:
    """Verify the archive and decode it.

    Raises:
        FovealError: the archive is damaged or not the published one.
    """
    layout, path = archive.layout, archive.path
    if archive.is_packed:
        _verify_file(path, layout.archive, md5_checksums=md5_checksums, file_sizes=file_sizes)
        return decode_archive(_read_tar_members(path, layout), layout, path)
    for name in layout.files:
        _verify_file(
            path / name,
            f"{layout.folder}/{name}",
            md5_checksums=md5_checksums,
            file_sizes=file_sizes,
        )
    members = {name: (path / name).read_bytes() for name in layout.files}
    return decode_archive(members, layout, path)


def _verify_file(
    path: Path, name: str, *, md5_checksums: Mapping[str, str], file_sizes: Mapping[str, int]
) -> None:
    """Raise FovealError unless the file has the size and MD5 checksum known for `name`, if any."""
    size = path.stat().st_size
    if size != file_sizes.get(name, size):
        raise FovealError(
            f"{path} has {size} bytes instead of {file_sizes[name]}. It is damaged; download it again."
        )
    if name not in md5_checksums:
        return
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != md5_checksums[name]:
        raise FovealError(
            f"{path} has the MD5 checksum {md5} instead of {md5_checksums[name]}. "
            "It is damaged or not the original; download it again."
        )


def _read_tar_members(path: Path, layout: ArchiveLayout) -> dict[str, bytes]:
    """Return the files of `layout` from a .tar.gz, by name.

    Raises:
        FovealError: the archive is damaged or lacks a file.
    """
    names = {f"{layout.folder}/{name}": name for name in layout.files}
    members = {}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                is_needed = member.isfile() and member.name in names
                file = tar.extractfile(member) if is_needed else None
                if file is not None:
                    members[names[member.name]] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FovealError(f"{path} is damaged ({error}). Download it again.") from error
    for name in layout.files:
        if name not in members:
            raise FovealError(f"{path} lacks {layout.folder}/{name}. Download it again.")
    return members
