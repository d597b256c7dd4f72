"""Data sets of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foveal.data.decoded import Content
from foveal.data.sources.encoded_table import decode_table, join
from foveal.errors import FovealError, UsageError

SPLITS = ("train", "test")


def open_hub(repository: str) -> Mapping[str, Any]:
    """Return the splits of `repository` ("owner/name"), fetched unless `datasets` has them.

    Raises FovealError if it cannot be reached.
    """
    import datasets  # takes a second, and most sources need no hub

    try:
        opened = datasets.load_dataset(repository)
    except Exception as error:  # network, disk and format errors of several libraries
        raise FovealError(
            f"`{repository}` could not be loaded from the Hugging Face hub "
            f"({' '.join(str(error).split())}). Without a network, give a folder that holds "
            "the parquet files or the original archives."
        ) from error
    missing = [split for split in SPLITS if split not in opened]
    if missing:
        raise UsageError(f"`{repository}` has no split `{missing[0]}`; it has {', '.join(opened)}.")
    return {split: opened[split] for split in SPLITS}


def hub_files(splits: Mapping[str, Any]) -> list[Path]:
    """Return the files into which `datasets` put the splits."""
    return [Path(file["filename"]) for split in splits.values() for file in split.cache_files]


def read_hub(splits: Mapping[str, Any]) -> Content:
    """Decode what `open_hub` returned."""
    return join(
        {name: [(name, decode_table(split.data.table, name))] for name, split in splits.items()}
    )
