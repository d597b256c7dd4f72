"""CIFAR-10 and CIFAR-100 in their original archives, python and binary, packed or unpacked."""

from foveal.data.cifar.archives import CIFARArchive, find_archive, read_archive
from foveal.data.cifar.layouts import ARCHIVE_LAYOUTS, ArchiveLayout

__all__ = ["ARCHIVE_LAYOUTS", "ArchiveLayout", "CIFARArchive", "find_archive", "read_archive"]
